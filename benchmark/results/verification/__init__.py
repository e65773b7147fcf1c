"""Whether a folder holds what its manifest promises."""
