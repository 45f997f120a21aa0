"""What is said of a run while it goes on, and what is expected of it before."""
