"""What a network shows of itself: activations and gradients at a layer, their layout."""
