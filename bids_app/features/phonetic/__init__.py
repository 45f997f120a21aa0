"""Families made of phones: articulatory features, phone rate, and pronunciations looked up."""
