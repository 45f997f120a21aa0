"""What `import bids_app as concord` offers: results read back, and the program's own fits and features for arrays and
files of one's own.

The only room that knows scikit-learn. Nothing imports it but `bids_app/__init__.py`, name by name, when a name is
first used.
"""
