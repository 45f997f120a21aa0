"""Family-wise p by threshold-free cluster enhancement (TFCE; Smith & Nichols 2009, NeuroImage 44:83), beside max-T.

A map is enhanced: each target is given ∫ e(h)^E h^H dh over heights h up to its own value, where e(h) is how many
targets hang together with it above h. So a weak effect counts for more where it is broad. Of each sign vector the
largest enhanced value is noted, and a target's family-wise p is the share of sign vectors with one at least as large
as its own. What is enhanced are the studentised means of max-T, null hypothesis by null hypothesis, under the same
sign vectors. mne enhances; its own flips are not used.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

from bids_app.disk import scratch_array
from bids_app.durations import in_words
from bids_app.encoding.inference.flips.signs import draw_signs
from bids_app.encoding.inference.multiple_testing import family_wise
from bids_app.group.maps.neighbours import Neighbours, neighbours_of
from bids_app.group.maps.side_by_side import IN_MEMORY, Room
from bids_app.group.participant_tests import InBlocks, Null, deviations_of, nulls_of
from bids_app.group.participant_tests import Values as ByLabel
from bids_app.records import Array, Targets
from bids_app.records.over_participants.enhancement import Enhancement

STEP, HEIGHT_POWER = 0.1, 2.0
FIRST_RIGHT = (1, 13)  # of mne: earlier ones count the step for the height (mne-tools/mne-python#14224)
EXTENT_POWER = {"volume": 0.5, "surface": 1.0}  # three dimensions and two, as FSL's randomise has them


@dataclass(frozen=True)
class Enhancer:
    """What enhances maps of one kind of targets.

    Parameters
    ----------
    neighbours : of the targets.
    how : powers and step.
    room : where participants' values wait, and who is told how long it takes.
    """

    neighbours: Neighbours
    how: Enhancement
    room: Room = IN_MEMORY

    def pfwe(
        self, values: InBlocks, permutations: int, seed: int, stimulus: Mapping[str, ByLabel] | None = None
    ) -> dict[str, Array]:
        """Family-wise p of components that are tested together.

        Parameters
        ----------
        values : of each participant, of all targets in blocks; they are read twice.
        permutations, seed : sign vectors are `draw_signs` of the participants.
        stimulus : label → {'pfwe': (n_targets,)} of the mean response, by max-T, which p is no smaller than; p is NaN
            where it is.

        Returns
        -------
        Label → (n_targets,), NaN where too few participants have the target.
        """
        tables, began_s = _scaled_tables(values, self.room), time.monotonic()
        found: dict[Null, Array] = {}
        for null, (scaled, tested) in tables.items():
            signs = draw_signs(len(scaled), permutations, seed)
            found[null] = np.full(len(tested), np.nan)
            if tested.any():
                enhanced = largest_enhanced(signs, scaled, self.neighbours.among(tested), self.how)
                found[null][tested] = family_wise(*enhanced)
            if len(found) == 1 < len(tables):
                left_s = (time.monotonic() - began_s) * (len(tables) - 1)
                done = f"1 of {len(tables)} tests, each of {len(signs):,} maps of {scaled.shape[1]:,} targets"
                self.room.tell(f"TFCE: {done}; about {in_words(left_s)} more")
        guards = {label: [stats["pfwe"]] for label, stats in (stimulus or {}).items()}
        return {
            one.label: np.max([*(found[null] for null in nulls_of(one)), *guards.get(one.label, [])], axis=0)
            for one in values.tested
        }


def enhancer_of(targets: Targets, room: Room = IN_MEMORY) -> Enhancer | str:
    """What enhances maps of these targets, or why nothing does.

    Parameters
    ----------
    targets : of the maps.
    room : as of `Enhancer`.
    """
    neighbours = neighbours_of(targets)
    if isinstance(neighbours, str):
        return neighbours
    summed_by = version("mne")
    if tuple(map(int, summed_by.split(".")[:2])) < FIRST_RIGHT:
        return f"mne {summed_by} leaves heights out of TFCE: {'.'.join(map(str, FIRST_RIGHT))} or later does not"
    how = Enhancement(EXTENT_POWER[targets.kind], HEIGHT_POWER, STEP, neighbours.words, f"mne {summed_by}")
    return Enhancer(neighbours, how, room)


def largest_enhanced(signs: Array, scaled: Array, pairs: Array, how: Enhancement) -> tuple[Array, Array]:
    """Enhance the map of each sign vector: of each the largest value, and of the first one every value.

    Parameters
    ----------
    signs : (n_maps, n_participants) of ±1, two vectors or more; the map observed has the first.
    scaled : (n_participants, n_targets) whose signed sums are the maps; no NaN.
    pairs : (n_pairs, 2) targets that are neighbours, each pair once.
    how : powers and step.

    Returns
    -------
    (n_maps,) and (n_targets,); 0 where a map has nothing above the first step.
    """
    from mne.stats import permutation_cluster_1samp_test
    from scipy.sparse import coo_array

    n_targets, vectors = scaled.shape[1], iter(signs)
    # mne asks for a statistic of its data as they are, and once for each of its flips of them; it is given ours
    flipped_by_mne = np.broadcast_to(0.0, (len(signs).bit_length() + 1, n_targets))  # rows for as many flips
    enhanced, _, _, largest = permutation_cluster_1samp_test(
        flipped_by_mne,
        threshold={"start": 0, "step": how.step, "h_power": how.height_power, "e_power": how.extent_power},
        n_permutations=len(signs),
        tail=1,
        stat_fun=lambda _: np.asarray(next(vectors) @ scaled),
        adjacency=coo_array((np.ones(len(pairs)), tuple(pairs.T)), shape=(n_targets, n_targets)),
        n_jobs=1,
        buffer_size=None,
        verbose="ERROR",
    )
    return np.asarray(largest), np.asarray(enhanced)


def _scaled_tables(values: InBlocks, room: Room) -> dict[Null, tuple[Array, Array]]:
    """Of each null hypothesis each participant's share of the studentised mean (n_participants, n_tested), 0 where
    there is none, and which targets are tested (n_targets,)."""
    deviations = deviations_of(values)
    found: dict[Null, tuple[Array, Array]] = {}
    start = 0
    for block in values.tables():
        for number, (null, table) in enumerate(block.items()):
            n_people, stop = len(table), start + table.shape[1]
            if null not in found:
                tested = np.isfinite(deviations[null])
                shape = n_people, int(tested.sum())
                found[null] = _zeros(room, f"tfce_{number}", shape), tested
            scaled, tested = found[null]
            some = tested[start:stop]
            first = int(tested[:start].sum())
            there = np.isfinite(table[:, some])
            by = there.sum(axis=0) * deviations[null][start:stop][some]
            with np.errstate(divide="ignore", invalid="ignore"):
                share = np.where(there & (by > 0), table[:, some] / by, 0.0)
            scaled[:, first : first + some.sum()] = share
        start = stop
    return found


def _zeros(room: Room, name: str, shape: tuple[int, int]) -> Array:
    if room.folder is None:
        return np.zeros(shape)
    return np.asanyarray(scratch_array(room.folder, name, shape, "float64"))
