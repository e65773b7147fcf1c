"""One step: losses and updates."""
