"""How a network is asked: backward rules."""
