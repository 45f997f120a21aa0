"""iEEG: which channels are used, against which reference, and their high gamma on one even grid."""
