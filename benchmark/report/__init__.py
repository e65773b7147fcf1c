"""What is made of result folders: tables, plots, galleries, and published values beside measured ones."""
