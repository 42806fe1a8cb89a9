"""Cards of what surveys read of all subjects of a study."""
