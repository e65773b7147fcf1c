"""Methods of other libraries under this one's interface."""
