"""Which layer of a network maps are read at, found by changing parts of pictures and swapping outputs."""
