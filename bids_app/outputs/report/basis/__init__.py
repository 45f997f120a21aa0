"""What a unit's numbers rest on: design and folds, penalties, quality of the data, time and memory."""
