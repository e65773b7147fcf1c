"""From a name of an architecture to a module: built, pooled by maximum, compiled."""
