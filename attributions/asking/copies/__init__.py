"""Many altered copies of one image: masked, blurred, noisy, in chunks of constant size."""
