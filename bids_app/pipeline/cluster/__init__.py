"""Dask: a cluster of processes, what they are given, and what comes back; what is done there it does not know."""
