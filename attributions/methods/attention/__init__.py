"""Attention of transformers."""
