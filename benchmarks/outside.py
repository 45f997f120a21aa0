"""What others have published beside what is done here: `python -m benchmarks.outside`.

`nested`: intervals by nested cross-validation; `fractional`: penalties by the length of the weights; `ceiling`: the
noise ceiling with noise covariance. Each is implemented from its publication, for this comparison alone.
"""

from __future__ import annotations

import sys

from benchmarks.bars import run_bars
from benchmarks.outside_ceiling import ceiling
from benchmarks.outside_fractional import fractional
from benchmarks.outside_nested import nested

STUDIES = {"nested": nested, "fractional": fractional, "ceiling": ceiling}

if __name__ == "__main__":
    sys.exit(run_bars(STUDIES))
