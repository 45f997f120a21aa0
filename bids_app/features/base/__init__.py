"""What all families of features have in common: options, needs, words, memory."""
