"""Sign flips of parts of the response, refitted: units, what they explain, and null distributions of gains."""
