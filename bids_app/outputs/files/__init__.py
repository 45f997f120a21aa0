"""Names of all files of out_dir, and reading and writing them: atomic, deterministic."""
