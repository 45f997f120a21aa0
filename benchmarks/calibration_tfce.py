"""Family-wise errors and power of TFCE over participants beside max-T, on maps: `python -m
benchmarks.calibration_tfce`.

A set is a map of Fisher's z of 12 participants, in which no target, or a ball of them, has a mean above zero. Maps
are small, as each is enhanced once a sign vector; of 64 vectors p ≤ .05 is p ≤ 3/64. As mne takes a second a set,
cubes are enhanced here by scipy's labels; of the first sets Concord's own p must be the same. What is more
skewed than averaged z are is what happens where the symmetry that flips take for granted is not there: no bar.
"""

from __future__ import annotations

import sys

import numpy as np
from scipy.ndimage import gaussian_filter, label
from scipy.sparse import coo_array

from benchmarks.bars import Bar, run_bars
from benchmarks.calibration_group_family import N_COLUMNS, SPEC
from benchmarks.calibration_participants import SETTING
from benchmarks.conditions import LEVEL
from benchmarks.nulls import design_of
from benchmarks.simulation import series, standardized
from bids_app import encoding
from bids_app.encoding.inference.flips.signs import draw_signs
from bids_app.group.maps.neighbours import neighbours_of
from bids_app.group.maps.tfce import STEP, Enhancer, enhancer_of
from bids_app.group.moderation import moderated_deviation
from bids_app.group.participant_tests import InBlocks, ParticipantValues, participant_tests
from bids_app.group.statistics import fisher_z
from bids_app.records import Array, Targets, partition_components

COMPONENTS = partition_components(("x",))
N_PEOPLE, EDGE, PERMUTATIONS = 12, 6, 63
LIMIT = 0.07
SETS, SAME = 2000, 10  # of cubes, of which so many are tested by Concord too
FEWER = {"surface": 150, "fitted": 200}
SKEWED = {"skewed -0.2": 0.034, "skewed -0.5": 0.085, "skewed -1": 0.175}  # of a normal value's square, taken off
SCENES = ("smooth", "rough", "lacking", "outlier", "surface", *SKEWED, "fitted")
EFFECTS = {"broad": (2.3, 0.7), "focal": (0.0, 1.2)}  # radius in voxels, mean in deviations of a participant's value
LEAST = {"broad": 0.3, "focal": 0.3}


def cube(edge: int) -> Targets:
    """Voxels of a cube.

    Parameters
    ----------
    edge : voxels along each side.
    """
    index = np.argwhere(np.ones((edge,) * 3, bool))
    return Targets("volume", "MNI", tuple(",".join(map(str, one)) for one in index), index, (edge,) * 3, np.eye(4))


def sphere() -> Targets:
    """Every vertex of fsaverage3, both hemispheres."""
    n = 642
    index = np.column_stack([np.repeat([0, 1], n), np.tile(np.arange(n), 2)])
    return Targets("surface", "fsaverage3", tuple(f"{'LR'[side]}:{one}" for side, one in index), index, (n, n))


def smooth(rng: np.random.Generator, n_people: int, edge: int, width: float = 1.0) -> Array:
    """(n_people, edge³) maps of noise of deviation one.

    Parameters
    ----------
    rng, n_people, edge : of which and how many.
    width : standard deviation of the smoothing, in voxels; 0 for none.
    """
    maps = rng.standard_normal((n_people, *(edge + 6,) * 3))
    if width:
        maps = np.stack([gaussian_filter(one, width) for one in maps])
    maps /= maps.std()
    return np.asarray(maps[:, 3:-3, 3:-3, 3:-3].reshape(n_people, -1))


def both_p(z: Array, targets: Targets, permutations: int, seed: int) -> tuple[Array, Array]:
    """(n_targets,) family-wise p by max-T and by TFCE of values (n_people, n_targets), NaN where there is none."""
    labels, enhancer = ("full", "x", "uniqueX"), enhancer_of(targets)
    assert isinstance(enhancer, Enhancer)
    r = np.tanh(0.05 * z)
    values = ParticipantValues(dict.fromkeys(labels, r), dict.fromkeys(labels, r))
    by_max = participant_tests(values, COMPONENTS, permutations, seed)["full"]["pfwe"]
    only_full = InBlocks(lambda: iter((values,)), COMPONENTS[:1], COMPONENTS)
    return by_max, enhancer.pfwe(only_full, permutations, seed)["full"]


def smallest_p(z: Array, targets: Targets, permutations: int, seed: int) -> tuple[float, float]:
    """The smallest of `both_p`."""
    by_max, by_tfce = both_p(z, targets, permutations, seed)
    return float(np.nanmin(by_max)), float(np.nanmin(by_tfce))


def null(quick: bool) -> list[Bar]:
    """Rates of sets in which any target is called significant where there is nothing."""
    print("| scene | sets | max-T | TFCE |\n|---|---|---|---|")
    bars = [_null(scene, 20 if quick else FEWER.get(scene, SETS)) for scene in SCENES]
    return [one for one in bars if not one.name.endswith(("-0.5", "-1"))]


def _null(scene: str, n_sets: int) -> Bar:
    by_max, by_tfce = (np.array([_of_nothing(scene, seed) for seed in range(n_sets)]) <= LEVEL).mean(axis=0)
    print(f"| {scene} | {n_sets} | {by_max:.3f} | {by_tfce:.3f} |", flush=True)
    return Bar(f"tfce-{scene}", float(by_tfce), LIMIT, "of sets")


def _of_nothing(scene: str, seed: int) -> tuple[float, float]:
    """The smallest family-wise p of one set, by max-T and by TFCE."""
    targets = sphere() if scene == "surface" else cube(EDGE)
    z = _drawn(scene, targets, np.random.default_rng([SCENES.index(scene), seed, 1]))  # not what signs are drawn by
    if scene == "surface":
        return smallest_p(z, targets, PERMUTATIONS, seed)
    own = smallest_by_labels(z, seed)
    if seed < SAME and not np.allclose(own, by_concord := smallest_p(z, targets, PERMUTATIONS, seed)):
        raise AssertionError(f"{scene} {seed}: p {by_concord} by Concord, {own} by labels")
    return own


def smallest_by_labels(z: Array, seed: int) -> tuple[float, float]:
    """As `smallest_p`, of values (n_people, edge³) of a cube, without anything of Concord's enhancement."""
    z = fisher_z(np.tanh(0.05 * z))
    signs = draw_signs(len(z), PERMUTATIONS, seed)
    maps = signs @ np.nan_to_num(z) / np.isfinite(z).sum(axis=0) / moderated_deviation(z)
    edge = round(z.shape[1] ** (1 / 3))
    largest = np.array([(one.max(), enhanced(one.reshape((edge,) * 3)).max()) for one in maps])
    by_max, by_tfce = (largest >= largest[0] * (1 - 1e-6)).mean(axis=0)
    return (1.0 if largest[0, 0] <= 0 else float(by_max)), float(by_tfce)


def enhanced(values: Array) -> Array:
    """TFCE of a volume, by the labels of what is above each height."""
    found = np.zeros(values.shape)
    for height in np.arange(STEP, max(values.max(), STEP), STEP):
        labels, _ = label(values > height)
        sizes = np.bincount(labels.ravel()).astype(float)
        sizes[0] = 0.0
        found += np.sqrt(sizes)[labels] * height**2 * STEP
    return found


def _drawn(scene: str, targets: Targets, rng: np.random.Generator) -> Array:
    """Of z with a mean of zero: each target lacking in up to six of 12; one participant with ten times the deviation;
    along a mesh; of models fitted to responses that are noise; with a skewness, which of averaged z is -0.2."""
    if scene == "surface":
        return _along_edges(rng, targets)
    if scene == "fitted":
        return _fitted(rng)
    z = smooth(rng, N_PEOPLE, EDGE, 0.0 if scene == "rough" else 1.0)
    if scene == "lacking":
        z[rng.random(z.shape).argsort(axis=0) < rng.integers(0, 7, z.shape[1])] = np.nan
    if scene == "outlier":
        z[0] *= 10
    if scene in SKEWED:
        z = z - SKEWED[scene] * (z**2 - 1)
    return z


def _fitted(rng: np.random.Generator) -> Array:
    """(n_people, edge³) correlations, in units of the factor that turns z into them, of models of 20 columns of noise
    fitted to smooth noise."""
    bands = {"x": series("ar.5", SETTING, N_COLUMNS, rng)}
    own = [series("ar.5", SETTING, EDGE**3, rng).reshape(-1, *(EDGE,) * 3) for _ in range(N_PEOPLE)]
    people = [standardized(gaussian_filter(one, (0, 1, 1, 1)).reshape(len(one), -1), SETTING) for one in own]
    design = design_of(bands, np.concatenate(people, axis=1), SETTING.runs, SETTING.times_s)
    r = encoding.fit(design, {"x": ("x",)}, SPEC).r[0].reshape(N_PEOPLE, -1)
    return fisher_z(r) / 0.05


def _along_edges(rng: np.random.Generator, targets: Targets) -> Array:
    """(n_people, n_targets) noise, averaged over neighbours twice, of deviation one."""
    neighbours = neighbours_of(targets)
    assert not isinstance(neighbours, str)
    n_targets, pairs = len(targets.names), neighbours.pairs
    joined = coo_array((np.ones(len(pairs)), tuple(pairs.T)), shape=(n_targets, n_targets))
    mixed = np.eye(n_targets) + joined + joined.T
    z = rng.standard_normal((N_PEOPLE, n_targets)) @ mixed @ mixed
    return np.asarray(z / z.std())


def power(quick: bool) -> list[Bar]:
    """Shares of the targets of a ball that are found, and of all others, in smooth noise in a cube of 8 voxels."""
    print("| effect | sets | found by max-T | by TFCE | beside it by max-T | by TFCE |\n|---|---|---|---|---|---|")
    bars, targets = [], cube(8)
    for effect, (radius, mean) in EFFECTS.items():
        rng, n_sets = np.random.default_rng(1), 10 if quick else 60
        ball = ((np.asarray(targets.index) - 3) ** 2).sum(axis=1) <= radius**2
        found = np.zeros((2, 2))
        for seed in range(n_sets):
            p = both_p(smooth(rng, N_PEOPLE, 8) + mean * ball, targets, PERMUTATIONS, seed)
            found += [[(one[some] <= LEVEL).mean() / n_sets for one in p] for some in (ball, ~ball)]
        print(f"| {effect} | {n_sets} | " + " | ".join(f"{one:.3f}" for one in found.ravel()) + " |", flush=True)
        bars.append(Bar(f"tfce-power-{effect}", float(found[0, 1]), LEAST[effect], "found", False))
    return bars


STUDIES = {"null": null, "power": power}

if __name__ == "__main__":
    sys.exit(run_bars(STUDIES))
