"""What is expected of a unit before it begins, and what is said of a run while it goes on."""
