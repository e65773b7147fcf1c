"""Asks the network and the method again, for metrics that do not go by the map alone."""
