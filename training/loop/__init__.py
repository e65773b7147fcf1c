"""Steps until the end: states, log, validation, the checkpoint."""
