"""Files of word and phone times: TextGrid, tables, JSON of aligners and recognisers, CTM."""
