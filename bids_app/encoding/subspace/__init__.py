"""What two models' word rows share: canonical correlation, its rank, and the bands projected from it."""
