"""Pictures, labels and grids, in the order of the recipe."""
