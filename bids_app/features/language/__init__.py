"""Families made by language models: hidden states, surprisal, entropy; and the contexts that they see."""
