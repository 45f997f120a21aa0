"""What a model's own files state, read without the libraries that load it: a dry run is done before those are."""
