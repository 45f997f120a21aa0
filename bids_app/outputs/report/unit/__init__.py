"""A unit in a report: its section, what it says of each question, and figures."""
