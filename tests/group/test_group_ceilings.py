"""Noise ceilings between participants on a group's targets, made as they are asked for."""

import numpy as np
from test_group_side_by_side import voxels

from bids_app.encoding import NoiseCeiling, share
from bids_app.group.maps.ceilings import STATS, CeilingsByParticipant, with_ceilings
from bids_app.group.maps.side_by_side import side_by_side
from bids_app.group.statistics import participant_statistics
from bids_app.records import INTER_SUBJECT, ParticipantNoiseCeiling


def test_each_ones_ceiling_stands_at_its_targets_and_statistics_are_those_of_all_together(tmp_path):
    units = [voxels(f"{number}", number) for number in range(4)]
    side = side_by_side(units, tmp_path, held_bytes=20_000)
    shared, rng = units[2].targets, np.random.default_rng(0)
    own = [
        ParticipantNoiseCeiling(one.stem, shared, *(rng.random(len(shared.names)) + shift for shift in (1, 0.5, 2)))
        for one in (*units[1:], voxels("9", 9))
    ]
    found = CeilingsByParticipant(side, own)
    assert list(found) == [one.stem for one in units[1:]]
    row = {name: number for number, name in enumerate(side.targets.names)}
    at = [row[name] for name in shared.names]
    for number, (unit, given) in enumerate(zip(units[1:], own, strict=False), start=1):
        stats = found[unit.stem]
        assert tuple(stats) == STATS
        expected = [np.full(len(side.targets.names), np.nan) for _ in range(3)]
        for values, one in zip(expected, (given.explainable, given.low, given.high), strict=True):
            values[at] = one
        for name, values in zip(STATS, expected, strict=False):
            np.testing.assert_array_equal(stats[name], values)
        ceiling = NoiseCeiling(expected[0], expected[1], expected[2], expected[0])
        np.testing.assert_array_equal(stats["share"], share(side.one(number, ("full", "rsquared")), ceiling))
    assert len(list(side.blocks(2))) > 1
    joined = with_ceilings({}, side, found)[INTER_SUBJECT]
    for stat in ("ceiling", "share"):
        expected = participant_statistics(np.stack([one[stat] for one in found.values()]), stat)
        for name, values in expected.items():
            np.testing.assert_allclose(joined[stat][name], values, rtol=1e-12)


def test_nothing_is_added_where_nobody_has_a_ceiling():
    side = side_by_side([voxels("0", 0)])
    assert with_ceilings({}, side, CeilingsByParticipant(side, ())) == {}
