"""Results of units and groups as BIDS derivatives: maps, tables, sidecars, summaries."""
