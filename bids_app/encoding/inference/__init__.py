"""p, family-wise p, q and confidence intervals: sign flips, blocks, and dependence through shared training data."""
