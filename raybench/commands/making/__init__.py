"""Commands that make results: networks and data are loaded."""
