"""Activation maps: what a layer shows, weighted."""
