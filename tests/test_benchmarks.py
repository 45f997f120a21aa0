"""The command line of the benchmarks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.bars import Bar, run_bars
from benchmarks.scaling import Costs, Work, costs_of, ends_of


def test_several_studies_run_by_name(capsys):
    met = []

    def study(name, value):
        return lambda quick: [met.append((name, quick)), Bar(name, value, 1.0, "s")][1:]

    studies = {"one": study("one", 0.5), "two": study("two", 2.0), "three": study("three", 0.5)}
    assert run_bars(studies, ["--only", "three,one", "--quick"]) == 0
    assert met == [("three", True), ("one", True)]
    assert run_bars(studies, []) == 1  # two falls short
    with pytest.raises(SystemExit) as stopped:
        run_bars(studies, ["--only", "one,four"])
    assert stopped.value.code == 2
    assert "there is no four; one, two, three" in capsys.readouterr().err


def test_a_schedule_of_equal_pieces_needs_as_many_rounds_as_it_must():
    works = [Work(str(number), 2.0) for number in range(7)]
    assert max(ends_of(works, 1).values()) == 14
    assert max(ends_of(works, 3).values()) == 6
    assert max(ends_of(works, 64).values()) == 2


def test_what_waits_begins_when_all_before_it_has_ended_and_what_is_urgent_first():
    works = [Work("a", 3), Work("b", 1), Work("c", 1, ("a", "b")), Work("late", 1), Work("soon", 1, (), 1)]
    assert ends_of(works, 1) == {"soon": 1, "a": 4, "b": 5, "c": 6, "late": 7}
    assert ends_of(works, 2) == {"soon": 1, "b": 2, "a": 3, "late": 3, "c": 4}


@given(st.lists(st.tuples(st.floats(0.1, 9), st.integers(0, 2)), min_size=1, max_size=20), st.integers(1, 9))
def test_a_schedule_is_within_what_any_can_be(pieces, n_workers):
    """Of pieces that depend on nothing, Graham's bounds."""
    works = [Work(str(number), *piece[:1], (), piece[1]) for number, piece in enumerate(pieces)]
    total, longest = sum(one.seconds for one in works), max(one.seconds for one in works)
    least, took = max(total / n_workers, longest), max(ends_of(works, n_workers).values())
    assert least - 1e-9 <= took <= total / n_workers + (1 - 1 / n_workers) * longest + 1e-9


LOG = """\
2026-12-01 11:28:10,000 INFO command: concord bids out participant group
2026-12-01 11:28:13,000 INFO [1/2] sub-01_task-story_space-a: 4 recordings, about 24 s
2026-12-01 11:28:14,000 INFO [1/2] sub-01_task-story_space-a: responses …
2026-12-01 11:28:33,500 INFO [1/2] sub-01_task-story_space-a: done in 20 s
2026-12-01 11:28:33,500 INFO [1/2] sub-01_task-story_space-a: responses 1.0 s, features 12.5 s, fit 7.0 s
2026-12-01 11:28:34,000 INFO [2/2] sub-02_task-story: 4 recordings, about 7 s
2026-12-01 11:28:41,000 INFO [2/2] sub-02_task-story: done in 7 s
2026-12-01 11:28:41,000 INFO [2/2] sub-02_task-story: responses 0.5 s, features 0.0 s, fit 6.0 s
2026-12-01 11:28:43,000 INFO sub-01: report written
2026-12-01 11:28:46,500 INFO sub-02: report written
2026-12-01 11:28:47,000 INFO task-story (mean response): responses …
2026-12-01 11:28:50,000 INFO task-story (mean response): done
2026-12-01 11:28:52,000 INFO group: 2 participants
"""


def test_costs_are_read_from_a_log():
    costs = costs_of(LOG, n_features=5)
    assert costs == Costs(3.0, (2.5,) * 5, (("01", 8.0), ("02", 7.0)), {"01": 2.0, "02": 3.5}, 5.5)
    assert costs.alone_s == pytest.approx(3 + 12.5 + 15 + 5.5 + 5.5)
    assert costs.by(2) == pytest.approx(8.5 + 7.5 + max(8 + 2, 7 + 3.5))
