"""Data with a known structure, and the user's own. List a new task in `byheart.registry`."""
