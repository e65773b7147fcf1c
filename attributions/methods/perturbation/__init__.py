"""Perturbation: what the score does when parts of the image are hidden."""
