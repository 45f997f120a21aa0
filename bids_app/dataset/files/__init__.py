"""Names, layouts and tables of a data set's files; the only folder that knows pybids."""
