"""What is read of a data set: recordings, stimuli, how they were played, and how their times agree."""
