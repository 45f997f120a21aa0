"""What a reader is warned of where alpha lies at an end of its grid."""

from dataclasses import replace

import numpy as np

from bids_app import encoding
from bids_app.pipeline.unit.unit_warnings import at_edge
from bids_app.records import FitSpec, Run

TWO = {"a": ("a",), "b": ("b",)}


def fitted(alphas, groups=TWO):
    """Two spaces that share nothing and both carry signal."""
    rng = np.random.default_rng(0)
    bands = {name: rng.standard_normal((4, 80, 1, 3)) for name in ("a", "b")}
    Y = rng.standard_normal((4, 80, 6))
    for values in bands.values():
        Y += values[:, :, 0] @ rng.standard_normal((3, 6))
    runs = [
        Run(
            f"r{n}",
            {name: values[n] for name, values in bands.items()},
            Y[n] - Y[n].mean(0),
            np.arange(80.0),
            (f"{n}",),
        )
        for n in range(4)
    ]
    design = encoding.build_design(runs, "by_run", (0.0,), {}, 0.0)
    return encoding.fit(design, groups, FitSpec(candidates=4, alphas=alphas))


def test_a_grid_that_ends_too_low_makes_a_shared_part_of_nothing_and_is_told():
    fit = fitted((1e4, 1e6, 3))
    one, other, both = fit.rsquared
    assert (one + other - both > 0.2 * both).all()
    (line,) = at_edge({"": fit})
    assert line.startswith("alpha lies at an end of its grid in ")
    assert "do not conclude from p of shared parts that spaces share anything; do not compare parts" in line
    assert "widen fit.alphas" in line


def test_of_a_single_feature_group_no_parts_are_spoken_of():
    (line,) = at_edge({"": fitted((1e4, 1e6, 3), {"one": ("a", "b")})})
    assert "part" not in line
    assert "do not compare its R² with that of other models" in line


def test_every_partition_is_looked_at_by_name():
    wide, narrow = fitted((1e-2, 1e6, 9)), fitted((1e4, 1e6, 3))
    (line,) = at_edge({"": wide, "subspace": narrow})
    assert line.startswith("subspace: alpha")


def test_a_wide_grid_is_not_told_of_nor_noise_that_chooses_the_largest_alpha():
    fit = fitted((1e-2, 1e6, 9))
    assert at_edge({"": fit}) == ()
    noise = replace(fit, rsquared=-np.abs(fit.rsquared), at_edge=np.ones_like(fit.at_edge))
    assert at_edge({"": noise}) == ()
