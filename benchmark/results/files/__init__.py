"""Files of a result folder: their names, their rows, read and written."""
