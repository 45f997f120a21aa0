"""Models compared: with the baseline and controls, with each other, layer by layer, with the noise ceiling."""
