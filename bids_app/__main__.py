"""`python -m bids_app` is `concord`."""

from bids_app.cli.concord import entry

entry()
