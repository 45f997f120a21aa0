"""`python -m bids_app` is `concord`."""

from bids_app.cli.concord import entry

if __name__ == "__main__":  # worker processes read this file too
    entry()
