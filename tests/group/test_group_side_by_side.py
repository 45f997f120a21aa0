"""Participants read one after the other and some targets at a time: the same numbers, to the bit."""

from dataclasses import replace

import numpy as np
import pytest
from test_group_summary import AB, POOL, summary_of, unit

from bids_app.errors import ConcordError
from bids_app.group import Room, held_bytes, participant_tests, summarise
from bids_app.group.maps.side_by_side import HELD_BYTES, side_by_side
from bids_app.group.participant_tests import ParticipantValues
from bids_app.outputs.wording.definitions import Definitions
from bids_app.outputs.wording.group import GroupDefinitions, group_inference_in_words
from bids_app.records import ComponentSummary, InferenceSpec, Partition, partition_components
from bids_app.records.specs import GroupSpec
from bids_app.settings.load import parse_analysis

PERMUTATIONS = 100


def voxels(participant, seed, n_own=40, n_all=60):
    """A participant with some voxels of a grid, in an order of their own."""
    rng = np.random.default_rng(seed)
    own = rng.choice(n_all, n_own, replace=False)
    index = np.stack(np.unravel_index(own, (5, 4, 3)), axis=1)
    one = unit(
        f"sub-{participant}_space-MNI", participant, tuple(",".join(map(str, row)) for row in index), np.zeros(n_own),
        kind="volume", space="MNI", index=index, shape=(5, 4, 3), affine=np.eye(4),
    )  # fmt: skip
    stats = ("rsquared", "r", "pfwe")
    drawn = {part.label: {stat: rng.random(n_own).astype(np.float32) for stat in stats} for part in AB}
    full = {"full": ComponentSummary((), {})}
    return replace(one, partition=Partition(("a", "b"), drawn), summary=summary_of(POOL, "banded_ridge", "MNI", full))


def numbers_of(result):
    return {
        (label, stat, name): values
        for label, stats in result.values.items()
        for stat, statistics in stats.items()
        for name, values in statistics.items()
    }


def test_files_and_small_blocks_give_the_same_numbers(tmp_path):
    units = [voxels(f"{number}", number) for number in range(8)]
    asked = GroupSpec(0.05, 0.6)
    (whole,) = summarise(units, InferenceSpec(PERMUTATIONS), None, asked)
    (pieces,) = summarise(units, InferenceSpec(PERMUTATIONS), None, asked, Room(tmp_path, 30_000))
    assert len(list(tmp_path.glob("*.npy"))) == 8
    assert len(list(side_by_side(units, tmp_path, 30_000).blocks(24))) > 10
    assert whole.targets.names == pieces.targets.names
    np.testing.assert_array_equal(whole.targets.index, pieces.targets.index)
    one, other = numbers_of(whole), numbers_of(pieces)
    assert list(one) == list(other)
    for key, values in one.items():
        np.testing.assert_allclose(other[key], values, rtol=1e-12, err_msg=str(key))


def test_a_block_is_what_participants_have_of_it():
    units = [voxels(f"{number}", number) for number in range(3)]
    side = side_by_side(units)
    tables = side.tables([("full", "rsquared"), ("uniqueA", "r")], slice(10, 25))
    for (label, stat), table in tables.items():
        for who, one in enumerate(units):
            own = dict(zip(one.targets.names, one.partition.values[label][stat], strict=True))
            expected = [own.get(name, np.nan) for name in side.targets.names[10:25]]
            np.testing.assert_array_equal(table[who], np.array(expected, dtype=float))
    assert not any(len(values) for one in side.members for values in one.partition.values["full"].values())


def test_what_is_held_at_once_follows_the_limit():
    assert held_bytes(None) == HELD_BYTES == held_bytes(100_000)
    assert held_bytes(800) == 10**8
    side = side_by_side([voxels(f"{number}", number) for number in range(3)], held_bytes=48 * 3 * 2 * 7)
    assert [some.stop - some.start for some in side.blocks(2)][:-1] == [7] * ((len(side.targets.names) - 1) // 7)


# ------------------------------------------------------------------------------------- targets that not all have
@pytest.mark.parametrize(("share", "n_least"), [(1.0, 10), (0.75, 8), (0.3, 5)])
def test_only_targets_that_enough_participants_have_are_tested(share, n_least):
    """Ten participants with the first 3, 5, 8, … of ten parcels."""
    counts = (10, 10, 9, 8, 8, 7, 5, 5, 4, 1)
    units = []
    for who in range(10):
        names = tuple(f"p{place}" for place, n in enumerate(counts) if who < n)
        units.append(unit(f"sub-{who}", f"{who}", names, 0.1 + 0.01 * np.arange(len(names)) + 0.01 * who))
    for one in units:
        one.partition.values.update(dict.fromkeys(("x", "uniqueX"), one.partition.values["full"]))
    (result,) = summarise(units, InferenceSpec(PERMUTATIONS), None, GroupSpec(0.05, share))
    found = result.values["full"]["rsquared"]
    n = np.array([dict(zip(result.targets.names, found["n"], strict=True))[f"p{place}"] for place in range(10)])
    assert n.tolist() == list(counts)
    assert np.isfinite(found["pfwe"]).tolist() == (found["n"] >= n_least).tolist()
    assert np.isfinite(found["mean"]).all()
    assert result.inference.n_targets == sum(count >= n_least for count in counts)
    words = group_inference_in_words(result.inference, "parcels")
    assert f"{result.inference.n_targets} parcels that at least {n_least} of 10 participants have" in words
    definition = GroupDefinitions(Definitions(("x",)), result.inference).define(
        partition_components(("x",))[0], "rsquared", "pfwe"
    )
    assert f"fewer than {n_least} of 10 participants" in definition


def test_family_wise_errors_hold_where_participants_differ_from_target_to_target():
    """Nothing to find, 12 participants, each target lacking in up to seven of them."""
    rng = np.random.default_rng(5)
    wrong, n_sets, components = 0, 400, partition_components(("x",))
    for seed in range(n_sets):
        z = rng.normal(0, rng.gamma(2, 1, 80), (12, 80))
        lacking = rng.random(z.shape).argsort(axis=0) < rng.integers(0, 8, 80)
        r = np.tanh(np.where(lacking, np.nan, z) * 0.05)
        values = ParticipantValues(*(dict.fromkeys(("full", "x", "uniqueX"), r) for _ in range(2)))
        wrong += bool((participant_tests(values, components, 200, seed)["full"]["pfwe"] <= 0.05).any())
    assert wrong / n_sets <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / n_sets)
    assert wrong / n_sets >= 0.01


def test_share_and_tfce_are_options_that_leave_earlier_hashes_as_they_are():
    text = "name: one\nfeatures:\n  rate: {kind: word_rate}\n"
    plain, same, other, enhanced = (
        parse_analysis(text + more, "one.yaml")
        for more in ("", "group: {least_share: 1.0, tfce: false}\n", "group: {least_share: 0.8}\n",
                     "group: {tfce: true}\n")
    )  # fmt: skip
    assert plain.model_dump()["group"] == {"mean_response": True} == same.model_dump()["group"]
    assert other.model_dump()["group"]["least_share"] == 0.8
    assert other.group_spec() == GroupSpec(0.05, 0.8)
    assert enhanced.model_dump()["group"] == {"mean_response": True, "tfce": True}
    assert enhanced.group_spec() == GroupSpec(tfce=True)
    with pytest.raises(ConcordError, match="least_share"):
        parse_analysis(text + "group: {least_share: 1.2}\n", "one.yaml")
