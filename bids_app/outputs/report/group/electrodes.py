"""All participants' electrodes on one brain: components, the lag and the layer that predict each best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bids_app.outputs.derivatives.read_unit import read_best, read_unit
from bids_app.outputs.figures.maps import Dots, electrode_maps
from bids_app.outputs.files import names
from bids_app.outputs.files.files import numbers, read_tsv
from bids_app.outputs.report.drawing import Drawing
from bids_app.outputs.wording.inference import family_wise
from bids_app.outputs.wording.phrases import count_of, listed, number
from bids_app.records import Array, Component, GroupResultSummary, WrittenUnit, best_layer_label, camel
from bids_app.records.regions.spaces import is_standard

SCALE = "The colour scale ends at the 1, 2 or 5 of a decimal place that 99.5 % of the values stay within."
OF_FULL = " for the full model"
BY_RSQUARED = "the lag with the highest held-out R² of the full model"
BY_WEIGHTS = "the lag at which the full model's weights of all feature spaces together are largest (Euclidean norm)"


@dataclass(frozen=True)
class Electrodes:
    """Everybody's electrodes, participants one below the other. xyz_mm : (n, 3), NaN where there is no position."""

    out_dir: Path
    units: tuple[WrittenUnit, ...]
    xyz_mm: Array
    level: float

    def of(self, label: str, stat: str) -> Array:
        """(n,) numbers of a component; NaN for whoever does not have them."""
        return np.concatenate(
            [
                np.asarray(unit.partition.values.get(label, {}).get(stat, np.full(len(unit.targets.names), np.nan)))
                for unit in self.units
            ]
        ).astype(float)

    def significant(self, label: str) -> Array:
        """(n,) whose family-wise p, of its own participant's tests, is at most `level`."""
        return np.asarray(np.nan_to_num(self.of(label, "pfwe"), nan=1.0) <= self.level)

    @property
    def can_draw(self) -> bool:
        """Whether any has a position in MNI space."""
        return is_standard(self.units[0].targets.space) and bool(np.isfinite(self.xyz_mm).all(axis=1).any())

    @property
    def tested(self) -> bool:
        """Whether anybody's electrodes were."""
        return any("pfwe" in unit.partition.values["full"] and not unit.summary.has_no_p for unit in self.units)

    def marks(self, model: str = "") -> str:
        """What large and small dots are, in words.

        Parameters
        ----------
        model : the model that was tested, where a figure shows no tests of its own.
        """
        unreliable = any(unit.summary.has_unreliable_p for unit in self.units)
        at = family_wise(self.level, unreliable)
        own = f" Large dots are significant{model} in their own participant's tests ({at}), small ones are not."
        return own if self.tested else " Nothing was tested: all dots are alike."


def electrodes_of(out_dir: Path, group: GroupResultSummary) -> Electrodes | None:
    """Read a group's electrodes back.

    Parameters
    ----------
    out_dir : where results lie.
    group : of electrodes.

    Returns
    -------
    None where targets are others.

    Raises
    ------
    ReadWriteError : where a unit's file is gone or broken.
    """
    if not group.has_values or group.targets.kind != "electrodes":
        return None
    stems = dict.fromkeys(row.unit for row in group.scores)
    units = tuple(read_unit(names.summary_path(out_dir, stem)) for stem in stems)
    xyz_mm = np.concatenate([np.asarray(unit.targets.xyz_mm, dtype=float) for unit in units])
    return Electrodes(out_dir, units, xyz_mm, group.level)


def unplaced(everyone: Electrodes) -> str:
    """Whose electrodes are on no common brain, in words; empty where all are on it.

    Parameters
    ----------
    everyone : the electrodes.
    """
    space = everyone.units[0].targets.space
    if not is_standard(space):
        where = "of unknown space" if space == "n/a" else f"in {space}"
        people = listed(dict.fromkeys(f"sub-{unit.participant}" for unit in everyone.units))
        return f"Positions are {where}, not in MNI space: the electrodes of {people} are on no common brain."
    said = []
    for unit in everyone.units:
        n = len(unit.targets.names)
        if count := int((~np.isfinite(np.asarray(unit.targets.xyz_mm)).all(axis=1)).sum()):
            said.append(f"sub-{unit.participant} ({f'all {n}' if count == n else f'{count} of {n}'})")
    return f"Not on the brain, as they have no position in MNI space: electrodes of {listed(said)}." if said else ""


def electrode_drawings(everyone: Electrodes, parts: Sequence[Component]) -> list[Drawing]:
    """The full model and parts, and where they were fitted the best lag and layers; nothing where no electrode has a
    position in MNI space.

    Parameters
    ----------
    everyone : the electrodes.
    parts : those that are drawn beside the full model.
    """
    if not everyone.can_draw:
        return []
    labels = ["full", *(part.label for part in parts)]
    return [*component_drawing(everyone, labels, "Electrodes"), *_lags(everyone), *_layers(everyone)]


def component_drawing(everyone: Electrodes, labels: Sequence[str], name: str) -> list[Drawing]:
    """R² of components; nothing where no electrode has a position in MNI space.

    Parameters
    ----------
    everyone : the electrodes.
    labels : of the components, a row each.
    name : of the figure.
    """
    if not everyone.can_draw:
        return []
    values = {label: everyone.of(label, "rsquared") for label in labels}
    marked = np.column_stack([everyone.significant(label) for label in labels])
    content = electrode_maps(
        everyone.xyz_mm,
        {label: Dots(one) for label, one in values.items()},
        marked if everyone.tested else None,
        "R²",
    )
    n = len(everyone.xyz_mm)
    counts = [f"{label} in {count}" for label, count in zip(labels, marked.sum(axis=0).tolist(), strict=True)]
    found = f" Of {n} electrodes significant: {listed(counts)}." if everyone.tested else ""
    words = f"Held-out R² of {_whose(everyone)}, by component.{everyone.marks()}{found} {SCALE}"
    ends = (float(np.nanmin(values[labels[0]])), float(np.nanmax(values[labels[0]])))
    alt = (
        f"Electrodes on a brain from the left, the right and above, coloured by R² of {listed(labels)}; "
        f"{labels[0]} from {number(ends[0])} to {number(ends[1])}"
    )
    return [Drawing(f"group{name}", content, alt, words)]


def _whose(everyone: Electrodes) -> str:
    n = len({unit.participant for unit in everyone.units})
    return f"{count_of(len(everyone.xyz_mm), 'electrode')} of {count_of(n, 'participant')}"


def _ordered(everyone: Electrodes, title: str, values: Array, ends: tuple[float, float], label: str) -> bytes:
    """One row of ordered numbers, the electrodes of the highest R² in front."""
    strength = np.nan_to_num(everyone.of("full", "rsquared"), nan=-1.0)
    marked = everyone.significant("full")[:, None] if everyone.tested else None
    return electrode_maps(everyone.xyz_mm, {title: Dots(values, strength)}, marked, label, ends)


# ------------------------------------------------------------------------------------------------ lags
def _lags(everyone: Electrodes) -> list[Drawing]:
    """The lag that predicts each electrode best; nothing where not everybody has several."""
    read = [_peaks(everyone.out_dir, unit) for unit in everyone.units]
    made = [one for one in read if one is not None]
    if len(made) < len(read) or len({one.is_rsquared for one in made}) != 1:
        return []
    full = everyone.of("full", "rsquared")
    values = np.where(full > 0, np.concatenate([one.lags_s for one in made]), np.nan)
    if not np.isfinite(values).any():
        return []
    ends = (min(one.ends_s[0] for one in made), max(one.ends_s[1] for one in made))
    content = _ordered(everyone, "peak lag", values, ends, "lag (s)")
    known = values[np.isfinite(values)]
    middle = f"median {number(float(np.median(known)), 2)} s"
    which = BY_RSQUARED if made[0].is_rsquared else BY_WEIGHTS
    words = (
        f"Of each electrode {which}, where its full R² is above 0 ({len(known)} of {len(values)} electrodes, "
        f"{middle}).{everyone.marks(OF_FULL)} A lag is not tested."
    )
    alt = f"Electrodes on a brain from the left, the right and above, coloured by lag; {middle}"
    return [Drawing("groupPeakLag", content, alt, words)]


@dataclass(frozen=True)
class Peaks:
    """(n,) lag of each electrode's highest value, in seconds; the first and last lag; whether it is of R², else of
    weights."""

    lags_s: Array
    ends_s: tuple[float, float]
    is_rsquared: bool


def _peaks(out_dir: Path, unit: WrittenUnit) -> Peaks | None:
    """From the table of electrode × lag; None where there is none, or only one lag."""
    file = names.lags_file(unit.stem)
    if str(file) not in unit.summary.files:
        return None
    columns = read_tsv(out_dir / file)
    n = len(unit.targets.names)
    lags_s = np.array(columns["lag_s"], dtype=float)[: len(columns["lag_s"]) // max(n, 1)]
    if len(lags_s) < 2:
        return None
    is_rsquared = "full_rsquared" in columns
    weights = [name for name in columns if name.endswith("_weight")]
    values = (
        numbers(columns["full_rsquared"])
        if is_rsquared
        else np.sqrt(np.sum([numbers(columns[name]).astype(float) ** 2 for name in weights], axis=0))
    )
    by_lag = values.reshape(n, len(lags_s))
    known = np.isfinite(by_lag).any(axis=1)
    peak = np.where(known, lags_s[np.nan_to_num(by_lag, nan=-np.inf).argmax(axis=1)], np.nan)
    return Peaks(peak, (float(lags_s.min()), float(lags_s.max())), is_rsquared)


# ------------------------------------------------------------------------------------------------ layers
def _layers(everyone: Electrodes) -> list[Drawing]:
    """Each electrode's best layer, a figure a space of which everybody has several."""
    first, *others = (unit.summary.layers for unit in everyone.units)
    made = [_best(everyone, space) for space in first if all(space in one for one in others)]
    return [drawing for drawing in made if drawing]


def _best(everyone: Electrodes, space: str) -> Drawing | None:
    read = [read_best(everyone.out_dir, unit, space) for unit in everyone.units]
    layer, rsquared = (np.concatenate([one[place] for one in read]).astype(float) for place in (0, 1))
    values = np.where(rsquared > 0, layer, np.nan)
    known = values[np.isfinite(values)]
    if not len(known):
        return None
    every = [number for unit in everyone.units for number in unit.summary.layers[space].numbers]
    label = best_layer_label(space)
    content = _ordered(everyone, label, values, (min(every), max(every)), "layer")
    middle = f"median {np.median(known):g}"
    words = (
        f"The layer of {space} that predicts each electrode best, chosen inside training samples; drawn where the "
        f"held-out R² of layers so chosen is above 0 ({len(known)} of {len(values)} electrodes, {middle}), which is "
        f"no test.{everyone.marks(OF_FULL)}"
    )
    alt = f"Electrodes on a brain from the left, the right and above, coloured by best layer of {space}; {middle}"
    return Drawing(f"group{camel(label)}", content, alt, words)
