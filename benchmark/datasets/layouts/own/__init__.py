"""Reads what a folder of one's own holds."""
