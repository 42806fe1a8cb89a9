"""What makes two pieces of a user's code or data the same, and which code may be read."""
