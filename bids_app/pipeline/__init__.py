"""The straight line from a data set to its results, and the only folder that knows the order."""
