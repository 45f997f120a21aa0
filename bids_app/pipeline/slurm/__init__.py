"""Jobs of a SLURM cluster: features, then a participant a task, then the group."""
