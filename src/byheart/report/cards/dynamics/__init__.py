"""Cards of the chapter on time."""
