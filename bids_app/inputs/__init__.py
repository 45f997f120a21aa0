"""The one place that opens input files: regular ones, where the user put or named them, of bounded size."""
