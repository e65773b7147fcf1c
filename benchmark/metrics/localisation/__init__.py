"""Does the map lie on the object? One file per question."""
