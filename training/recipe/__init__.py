"""What is trained: a recipe, its checks, the settings."""
