"""What moves the balance. List a new lever in `byheart.registry`."""
