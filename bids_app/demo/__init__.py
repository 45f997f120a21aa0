"""A small data set with planted truth, made on the spot: speech, stand-in models, responses, and what is in them."""

from __future__ import annotations

from bids_app.demo.make import make_demo

__all__ = ["make_demo"]
