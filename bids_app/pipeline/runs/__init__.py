"""A unit's responses beside its features, as runs on common targets: rows of continuous time or of words."""
