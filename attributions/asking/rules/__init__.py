"""Backward rules: what calls hand down in place of gradients."""
