"""What a unit is at: shares, time left, and what stages took, told from any thread."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bids_app.execution.stages import Stage, Stages, State, seconds_left


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s

    def pass_by(self, seconds):
        self.now_s += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.mark.parametrize(
    ("stages", "left_s"),
    [
        pytest.param([], 0, id="nothing is expected"),
        pytest.param([Stage(10), Stage(30)], 40, id="nothing has begun: what is expected"),
        pytest.param([Stage(10, 0.25, 5), Stage(30)], 15 + 60, id="twice as slow: the other one too"),
        pytest.param([Stage(10, 1, 5), Stage(30)], 15, id="twice as fast: the other one too"),
        pytest.param([Stage(10, 0.01, 4), Stage(30)], 6 + 30, id="too little is done to say how fast it goes"),
        pytest.param([Stage(10, 0, 14)], 0, id="longer than expected, and says nothing: about to end"),
        pytest.param([Stage(0.001, 1, 1), Stage(30)], 30, id="too short to say how fast others are"),
        pytest.param([Stage(0, 0.5, 8), Stage(30)], 8 + 30, id="nothing was expected of one that goes on"),
        pytest.param([Stage(10, 1, 10), Stage(10, 1, 10)], 0, id="all is done"),
    ],
)
def test_time_left(stages, left_s):
    assert seconds_left(dict(enumerate(stages))) == pytest.approx(left_s)


def test_a_slow_disk_says_nothing_of_the_fit():
    stages = {"responses": Stage(5, 1, 50), "features": Stage(10, 0.5, 50), "search": Stage(30), "files": Stage(2)}
    assert seconds_left(stages) == pytest.approx(50 + 30 + 2)


def test_no_stage_says_more_than_fourfold():
    assert seconds_left({"search": Stage(10, 0.5, 500), "models": Stage(30)}) == pytest.approx(500 + 120)


def test_a_stage_takes_the_time_until_it_is_told_of(clock):
    stages = Stages(clock=clock)
    for name, seconds in [("search", 2), ("search", 2), ("models", 6)]:
        clock.pass_by(seconds)
        stages.advance(name, 0.5)
    assert stages.spent_s == {"search": 4, "models": 6}


def test_a_stage_within_another_takes_its_own_time_alone(clock):
    stages = Stages(clock=clock)
    with stages.at("responses"):
        clock.pass_by(1)
        with stages.at("features"):
            clock.pass_by(5)
        assert stages.state().stage == "responses"
        clock.pass_by(2)
    assert stages.spent_s == {"responses": 3, "features": 5}


def test_time_that_fails_counts_too(clock):
    stages = Stages(clock=clock)

    def fails():
        with stages.at("responses"):
            clock.pass_by(3)
            raise ValueError("why")

    with pytest.raises(ValueError, match="why"):
        fails()
    assert stages.spent_s == {"responses": 3}


def test_a_state_says_the_stage_its_share_and_what_is_left(clock):
    stages = Stages(clock=clock)
    stages.expect({"responses": 10, "search": 60, "models": 30})
    with stages.at("responses"):
        clock.pass_by(20)  # twice what was expected
        assert stages.state().line == "responses, 18 % done, about 90 s left"  # 20 of 110
    clock.pass_by(60)
    stages.advance("search", 0.5)
    assert stages.state() == State("search", pytest.approx(80 / 200), pytest.approx(120))
    assert stages.state().line == "search, 40 % done, about 2 min left"
    clock.pass_by(30)  # nothing is told of meanwhile
    assert stages.state().share == pytest.approx(110 / 200)


def test_where_nothing_is_expected_the_stage_alone_is_said(clock):
    stages = Stages(clock=clock)
    with stages.at("responses"):
        assert stages.state().line == "responses"


def test_each_stage_is_told_of_when_it_begins_and_not_again_while_it_lasts(clock):
    told = []
    stages = Stages(told.append, clock)
    with stages.at("responses"):
        for _ in range(3):
            with stages.at("features"):
                pass
    stages.advance("search", 0.5)
    stages.advance("search", 0.5)
    stages.advance("models", 1.0)
    stages.advance("search", 0.5)
    assert told == ["responses", "features", "search", "models", "search"]


def test_threads_lose_no_share():
    stages = Stages()

    def work():
        for _ in range(1000):
            stages.advance("search", 1 / 4000)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert stages.state().share == pytest.approx(1)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1), st.floats(0, 1e6)), max_size=20))
def test_a_share_is_one_and_time_left_is_time(events):
    clock = Clock()
    stages = Stages(clock=clock)
    stages.expect({"a": 10, "b": 5})
    for name, share, seconds in events:
        clock.pass_by(seconds)
        stages.advance(name, share)
        state = stages.state()
        assert 0 <= state.share <= 1 + 1e-9
        assert state.left_s >= 0
    assert sum(stages.spent_s.values()) == pytest.approx(clock.now_s - 100)
