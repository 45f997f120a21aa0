"""What numbers are, in words: definitions, methods text, captions."""
