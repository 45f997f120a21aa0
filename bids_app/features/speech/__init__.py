"""Families made by speech models: hidden states of encoders, and Whisper's decoder."""
