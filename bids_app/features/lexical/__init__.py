"""Families made of single words: rate, length, frequency, position, static embeddings."""
