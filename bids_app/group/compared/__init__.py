"""Two runs of the same units: paired differences by target, by region, and over participants."""
