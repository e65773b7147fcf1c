"""Commands that read results; none loads torch."""
