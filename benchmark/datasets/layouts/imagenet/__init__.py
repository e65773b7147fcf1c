"""Finds and reads the files of ImageNet."""
