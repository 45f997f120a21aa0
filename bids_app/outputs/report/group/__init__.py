"""The group's report: its page, maps, and what it says of two models."""
