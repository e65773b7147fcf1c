"""How a network computes: precision, very small numbers."""
