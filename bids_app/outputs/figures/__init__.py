"""Figures as SVG: equal numbers give equal bytes."""
