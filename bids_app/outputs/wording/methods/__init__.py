"""Methods text: every fact is read from how a unit was made."""
