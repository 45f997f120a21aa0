"""Concord: what speech and language models share in predicting the brain, as a BIDS App."""

__version__ = "0.1.0"
