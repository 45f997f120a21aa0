"""p, family-wise p, q and confidence intervals: sign flips, blocks, and what blocks teach each other."""
