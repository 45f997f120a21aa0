"""What is saved of models by option: time courses, weights and penalties in files, and back."""
