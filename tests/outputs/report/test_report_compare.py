"""The page of a comparison and the words of its sidecars: means over common targets; what p and intervals say."""

import re

import numpy as np
import pytest

from bids_app.group import compared_group, compared_unit, joined
from bids_app.group.compared.pairs import PairedBlocks
from bids_app.group.compared.shared_blocks import blocks_of
from bids_app.outputs.compare.page import page
from bids_app.outputs.compare.words import GUARDS, HOW_OVER, OVER_PARTICIPANTS, OVER_REGIONS
from bids_app.records import Targets
from bids_app.records.compared.differences import ComparedRuns

N_BLOCKS, NAMES = 12, tuple("abcdef")
THIS_STIMULUS = "for the mean over participants who hear this stimulus"


def blocks(number=0):
    """Two runs of which only the first has a value of the first target, a very high one."""
    total = np.full((N_BLOCKS, len(NAMES)), 50.0)
    gains = np.random.default_rng(number).normal(10, 2, (2, N_BLOCKS, len(NAMES)))
    gains[0, :, 0] = 45.0
    gains[1, :, 0] = np.nan
    return PairedBlocks(*gains, total)


def unit(number=0):
    targets = Targets("parcels", "atlas", NAMES)
    return compared_unit(
        f"sub-{number:02}_task-story", f"{number:02}", targets, blocks(number), np.arange(len(NAMES))
    )


def group_of(n_people, why_no_p="", later_s=0.0):
    """People of whom each one's blocks begin so much later than the one's before."""
    shared = None
    for number in range(n_people):
        heard = tuple((("story.wav",), 60.0 * at + later_s * number) for at in range(N_BLOCKS))
        shared = joined(shared, blocks_of(blocks(number), heard, NAMES, {}))
    return compared_group([unit(number) for number in range(n_people)], shared, "", why_no_p)


def written(units=(), groups=()):
    pair = ComparedRuns(("one", "two"), "full", ("", ""), tuple(units), groups=tuple(groups))
    return page([pair], {(0, one.stem): [] for one in (*units, *groups)})


def test_means_of_both_runs_and_of_their_difference_are_over_the_same_targets():
    found = unit()
    first, second = np.nanmean(found.first[1:]), np.nanmean(found.second[1:])
    assert found.mean["first"] == pytest.approx(first)
    assert found.mean["second"] == pytest.approx(second)
    assert found.mean["difference"] == pytest.approx(first - second)
    cells = re.findall(r'<td class="number">([^<]*)</td>', written([found]))
    assert cells[:2] == [f"{first:.3f}", f"{second:.3f}"]


def test_intervals_over_participants_are_of_those_who_hear_this_stimulus():
    for said in (OVER_PARTICIPANTS["ci025"], OVER_REGIONS["ci025"], HOW_OVER):
        assert THIS_STIMULUS in said
        assert "nothing of other stimuli" in said
    assert THIS_STIMULUS in written(groups=[group_of(6)])


def test_what_guards_p_is_said_where_there_is_p_and_why_there_is_none_where_not():
    for later_s, guard in ((0.0, "blocks"), (10.0, "own tests")):
        assert f"{GUARDS[guard]}." in written(groups=[group_of(6, later_s=later_s)]).replace("&#x27;", "'")
    withheld = written(groups=[group_of(6, "no test holds")])
    assert "no test holds." in withheld
    assert ", p n/a." in withheld
    assert not any(words in withheld.replace("&#x27;", "'") for words in GUARDS.values())
