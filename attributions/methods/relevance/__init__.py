"""Relevance: the score handed down layer by layer."""
