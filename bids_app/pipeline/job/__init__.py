"""One run's settings resolved, and the stimuli with their features, each read once."""
