"""One unit, from its runs to its result: fitted, partitioned, compared, and with an account of how."""
