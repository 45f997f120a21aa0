"""The two commands: arguments into options, errors into one line and an exit code; light, until something is run."""

from bids_app.cli.concord import build_parser, entry, main

__all__ = ["build_parser", "entry", "main"]
