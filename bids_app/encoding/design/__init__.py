"""From features and responses to a design: alignment, cleaning, columns, epochs, words, folds."""
