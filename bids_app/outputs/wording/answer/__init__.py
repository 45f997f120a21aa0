"""What a report says first: the answer in four sentences, and what stands against trusting it."""
