"""WHAT is computed (the analysis file: typed, hashed, saved) and HOW it runs (options: never hashed).

This package imports nothing itself, so that `settings.run_options` stays light for the command line."""
