"""Cards of the complexity chapter."""
