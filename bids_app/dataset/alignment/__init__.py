"""How the times of a recording and of its stimuli agree: what each source says, and what is fine, told or refused."""
