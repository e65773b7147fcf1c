"""Gradients with respect to the pixels, at the image, near it and on the way to it."""
