"""Families made of the sound: mel spectrogram, envelope, pitch."""
