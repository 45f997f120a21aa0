"""From scores of unions to unique and shared parts, Shapley values and product measures."""
