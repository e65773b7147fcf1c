"""How annotations are written on disk."""
