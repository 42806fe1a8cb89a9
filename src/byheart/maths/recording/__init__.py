"""A recorded training: what was learned from whom at each step, in memory and on disk, and the same steps again."""
