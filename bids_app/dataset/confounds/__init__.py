"""Confounds of fMRI: tables of them, which columns are regressed out, and which samples head motion spoils."""
