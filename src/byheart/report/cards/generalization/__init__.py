"""Cards of the generalization chapter."""
