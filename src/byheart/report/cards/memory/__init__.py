"""Cards of the memory chapter."""
