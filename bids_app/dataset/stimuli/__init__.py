"""Stimuli of a recording: events, sound, and files of word and phone times."""
