"""Benchmarks: each module is one command that ends with a line a bar and exits 1 if one falls short."""
