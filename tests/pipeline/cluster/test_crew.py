"""Who is given what, and what is made of it: by a crew whose work is done in this process, without dask."""

import re
from collections import deque
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
from quick_study import cut, differences, make_quick_study, quick_runs, response, stem

from bids_app.cli.concord import main
from bids_app.encoding.ridge import batches, stream
from bids_app.errors import Busy, OutOfMemory, ReadWriteError
from bids_app.pipeline import dry_run, on_cluster, on_worker, participants
from bids_app.pipeline.cluster.crew import Ended, Lost
from bids_app.pipeline.cluster.telling import Outcome
from bids_app.pipeline.job.stimulus_library import StimulusLibrary

LEVELS = ("participant", "group")


class CrewHere:
    """Does the work one by one, the one of highest priority first. `happens`: name → what comes in place of it, or an
    exception; `lost`: names that are begun, and then begun again; `at`: names that a worker has begun, though it has
    not been heard of."""

    n_workers, has_gpus = 1, False

    def __init__(self, desk, happens, lost, at):
        self.desk, self.happens, self.lost = desk, happens, {*lost}
        self.given, self.done, self.comes = {}, [], deque()
        self.at = {*at}

    @property
    def pending(self):
        return bool(self.given or self.comes)

    def give(self, name, do, order, after=(), on_gpu=False, priority=0):
        missing = {*after} - {*self.given} - {*self.done}
        assert not missing
        self.given[name] = do, order, priority, on_gpu

    def drop(self, names):
        begun = {*names} & self.at
        for name in {*names} - begun:
            self.given.pop(name, None)
        return begun

    def next(self, most_s):
        if not self.comes:
            name = max(self.given, key=lambda one: self.given[one][2])
            do, order, *_ = self.given[name]
            if name in self.lost:
                self.lost.remove(name)
                do(self.desk, order, self.comes.append)
                self.comes.append(Lost((name, "another run's")))
                return self.comes.popleft()
            del self.given[name]
            self.done.append(name)
            what = self.happens.get(name)
            if isinstance(what, BaseException) and not isinstance(what, Exception):
                do(self.desk, order, self.comes.append)  # what it tells on its way has come
                self.comes.append(what)
                return self.comes.popleft()
            if isinstance(what, Exception):
                self.comes.append(Ended(name, order, Outcome(failed=1), what))
            else:
                outcome = what or do(self.desk, order, self.comes.append)
                self.comes.append(Ended(name, order, outcome))
        comes = self.comes.popleft()
        if isinstance(comes, BaseException):
            raise comes
        return comes


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """sub-02 has a run that is cut off."""
    root = make_quick_study(tmp_path_factory.mktemp("crew"), people=("01", "02", "03"))
    cut(response(root, "02", 2))
    with quick_runs():
        assert run(root, "out") == 1
        yield root


def run(root, out, *more, levels=LEVELS):
    analysis = ["--analysis", str(root / "quick.yaml"), "--omp-nthreads", "1"]
    return main([str(root / "bids"), str(root / out), *levels, *analysis, *more])


@pytest.fixture
def crew(monkeypatch):
    """Takes what happens, and gives the crew of the run that comes then."""
    made = []

    def begin(happens=None, lost=(), at=()):
        class Opened:
            def __init__(self, client, make):
                self.make = make

            def __enter__(self):
                made.append(CrewHere(self.make(), happens or {}, lost, at))
                return made[-1]

            def __exit__(self, *error):
                return False

        monkeypatch.setattr(on_cluster, "crew_of", Opened)
        return made

    monkeypatch.setattr(on_cluster, "open_cluster", lambda *given: nullcontext())
    return begin


def test_files_are_those_of_one_process_and_the_order_is_right(study, crew, capsys):
    made = crew(lost=[stem("03")])
    assert run(study, "all", "--nprocs", "2") == 1
    assert differences(study / "all", study / "out") == []
    done = made[0].done
    features = [name for name in done if name.startswith("features ")]
    assert len(features) == 6  # three spaces of two stimuli
    assert done[:6] == features
    assert done[6:8] == [stem("01"), "report of sub-01"]  # whole: shares of so small a unit would save nothing
    said = capsys.readouterr().out
    assert f"[3/3] {stem('03')}: its worker process has ended: another one begins it again" in said
    assert "another run" not in said
    assert run(study, "all", "--nprocs", "2") == 1  # all is reused: no features are asked for
    assert made[1].done[0] == stem("01")


def test_reports_alone(study, crew):
    made = crew()
    assert run(study, "all", "--nprocs", "2", "--reports-only") == 0
    assert made[0].done == [f"report of sub-{one}" for one in ("01", "02", "03")]


def rows(study, out):
    lines = (study / out / "status.tsv").read_text().splitlines()
    return {line.split("\t")[0]: (line.split("\t")[2], line.split("\t")[5]) for line in lines}


def test_a_unit_that_fails_costs_itself_and_the_first_crash_stops_where_asked(study, crew, monkeypatch):
    def fails(work, unit, *given):
        if unit.participant == "01":
            raise ValueError("a reason")
        return participants.fit_and_write(work, unit, *given)

    monkeypatch.setattr(on_worker, "fit_and_write", fails)
    crew()
    assert run(study, "one", "--nprocs", "2", levels=("participant",)) == 1
    found = rows(study, "one")
    assert found[stem("01")][0] == "failed"
    assert f"ValueError: a reason (traceback in {study / 'one/logs'}" in found[stem("01")][1]
    assert found[stem("03")][0] == "done"
    (log,) = (study / "one/logs").glob("*.log")
    assert "in fails" in log.read_text()  # the traceback of another process
    made = crew()
    assert run(study, "stop", "--nprocs", "2", "--stop-on-first-crash", levels=("participant",)) == 1
    found = rows(study, "stop")
    assert found[stem("03")] == ("skipped", "stopped at the first crash")
    assert stem("03") not in made[1].done
    assert "report of sub-03" in made[1].done
    made = crew(at=[stem("03")])
    assert run(study, "begun", "--nprocs", "2", "--stop-on-first-crash", levels=("participant",)) == 1
    assert rows(study, "begun")[stem("03")][0] == "done"  # it was not skipped, as it had begun


def test_what_ends_a_run_ends_it(study, crew, capsys):
    crew({stem("01"): Outcome(1, (), Busy("held"))})
    assert run(study, "busy", "--nprocs", "2") == 75
    crew({stem("01"): KeyboardInterrupt()})
    assert run(study, "interrupted", "--nprocs", "2") == 130
    assert rows(study, "interrupted")[stem("01")] == ("failed", on_cluster.INTERRUPTED)
    crew({stem("01"): KeyboardInterrupt()})  # it is whole, and only looked at
    assert run(study, "interrupted", "--nprocs", "2") == 130
    assert stem("01") not in rows(study, "interrupted")
    crew({"report of sub-01": ReadWriteError("the disk")})
    assert run(study, "disk", "--nprocs", "2") == 74
    assert "the disk" in capsys.readouterr().err


@pytest.mark.long
def test_features_alone(study, crew, capsys, monkeypatch):
    """Made once, by whom it may be; what cannot be made is said, and costs the others nothing."""
    store = StimulusLibrary.store

    def fails(library, recording, event, name):
        if (event.stimulus_id, name) == ("story1.wav", "length"):
            raise ReadWriteError("the disk", "story1")
        store(library, recording, event, name)

    for out, more, sign in (("alone", (), "[1/6] "), ("theirs", ("--nprocs", "2"), "")):
        crew()
        monkeypatch.setattr(StimulusLibrary, "store", fails)
        assert run(study, out, "--features-only", *more, levels=("participant",)) == 1
        said = capsys.readouterr().out
        assert said.count(": made\n") == 5
        assert said.count(": failed: ") == 1
        assert "features: 1 could not be made" in said
        monkeypatch.setattr(StimulusLibrary, "store", store)
        made = crew()
        assert run(study, out, "--features-only", *more, levels=("participant",)) == 0
        said = capsys.readouterr().out
        assert f"{sign.replace('6', '1')}features length of " in said
        assert said.count(": made\n") == 1
        assert "features: all are there that units need" in said
        assert [*(study / out).glob("sub-*")] == []
        assert not (study / out / "status.tsv").exists()
        assert run(study, out, "--features-only", *more, levels=("participant",)) == 0
        assert run(study, out) == 1  # sub-02's
        assert differences(study / out, study / "out") == []
        made = crew()
        assert run(study, out, "--features-only", "--nprocs", "2", levels=("participant",)) == 0
        assert made[0].done == []


def test_features_alone_stop_at_the_first_that_cannot_be_made(study, crew, capsys, monkeypatch):
    def fails(*given):
        raise ReadWriteError("the disk", "a story")

    monkeypatch.setattr(StimulusLibrary, "store", fails)
    for out, more in (("first", ()), ("first of theirs", ("--nprocs", "2"))):
        crew()
        asked = ("--features-only", "--stop-on-first-crash", *more)
        assert run(study, out, *asked, levels=("participant",)) == 1
        assert capsys.readouterr().out.count(": failed: ") == 1
    crew({f"features {space} of story1": OutOfMemory("killed") for space in ("rate", "length")})
    assert run(study, "killed", "--features-only", "--nprocs", "2", levels=("participant",)) == 1
    assert ": failed: killed" in capsys.readouterr().out


def test_no_features_are_made_for_units_that_will_not_begin():
    """Of three units the second is known to fail; each hears a story of its own, and all hear the last one."""
    units = [SimpleNamespace(stem=one, recordings=[f"story {one}", "last"]) for one in "abc"]
    accounts = SimpleNamespace(of=lambda one: SimpleNamespace(stimuli=[SimpleNamespace(label=one)]))
    features = {(label, "speech"): None for label in ("story a", "story b", "story c", "last")}

    def needed(stops):
        job = SimpleNamespace(options=SimpleNamespace(stop_on_first_crash=stops))
        judge = SimpleNamespace(preflight=SimpleNamespace(units=units), job=job, accounts=accounts)
        level = on_cluster._Level(None, judge, SimpleNamespace(refused={"b"}), None, on_gpu=False, shared=None)
        return {label for label, _ in level._needed(features)}

    assert needed(stops=True) == {"story a", "last"}
    assert needed(stops=False) == {"story a", "story b", "story c", "last"}


def test_a_worker_that_cannot_begin_is_the_units_reason(study, crew):
    crew({stem("01"): OSError("no desk")})
    assert run(study, "desk", "--nprocs", "2", levels=("participant",)) == 1
    assert rows(study, "desk")[stem("01")] == ("failed", "no desk")


# ------------------------------------------------------------------------------------------------ shares of a unit
@pytest.fixture
def in_shares(monkeypatch):
    """Takes into how many shares each unit is cut, whatever it should take; blocks have eight targets."""
    monkeypatch.setitem(batches.BLOCK_WIDTH, "cpu", 8)
    monkeypatch.setattr(CrewHere, "n_workers", 2)

    def cut_into(count):
        monkeypatch.setattr(on_cluster, "share_counts", lambda costs, n_workers: [count] * len(costs))

    return cut_into


@pytest.fixture(scope="module")
def narrow(study):
    """What one process leaves with such blocks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(batches.BLOCK_WIDTH, "cpu", 8)
        assert run(study, "narrow", "--save", "alphas", "blocks", levels=("participant",)) == 1
    return study / "narrow"


def unlike(out, other):
    """`differences`, but for summaries of what is saved, which name the unit's by its hash, that has its seconds."""
    return [name for name in differences(out, other) if not name.endswith("_saved.json")]


HEAD = {"unit": ("status", "reason")}


def share(number, person, count=3):
    return f"share {number} of {count} of {stem(person)}"


def test_a_unit_in_shares_leaves_the_same_bytes(study, narrow, crew, in_shares, capsys):
    """One share is begun twice, and one ends its worker."""
    in_shares(3)
    made = crew({share(3, "03"): OutOfMemory("killed")}, lost=[share(1, "01")])
    assert run(study, "shares", "--nprocs", "2", "--save", "alphas", "blocks", levels=("participant",)) == 1
    assert unlike(study / "shares", narrow) == []
    done = made[0].done
    assert done[6:10] == [*(share(number, "01") for number in (1, 2, 3)), stem("01")]  # before others' shares
    assert done.index(share(1, "02")) > 9
    said = capsys.readouterr().out
    assert f"[1/3] {stem('01')}: its targets are fitted in 3 shares" in said
    assert f"{stem('01')}: the share 1 of 3: its worker process has ended: another one begins it again" in said
    (log,) = (study / "shares/logs").glob("*.log")
    text = log.read_text()
    assert f"{share(1, '01')}: fitted already" in text
    assert f"[3/3] {stem('03')}: {share(3, '03')}: not fitted: killed" in text
    assert text.count("targets of a share are fitted again") == 1  # of the file that is not there
    assert f"[1/3] {share(3, '01')}: fitted in" in text
    assert [*(study / "shares").rglob("*.npz"), *(study / "shares").rglob("concord-scratch-*")] == []
    capsys.readouterr()
    assert run(study, "shares", "--nprocs", "2", "--save", "alphas", "blocks", levels=("participant",)) == 1
    assert not [name for name in made[1].done if name.startswith("share")]  # all is there and counts


@pytest.mark.long
def test_what_shares_have_is_not_fitted_again(study, narrow, crew, in_shares, monkeypatch):
    """Nor is one used that is damaged, or of other inputs."""
    fitted, spoiled, plain = [], [], stream.fit_batch

    def counted(design, splits, blocks, *more):
        fitted[-1].append(sum(map(len, blocks)))
        return plain(design, splits, blocks, *more)

    def fit_unit(desk, order, post):
        for number, spoil in enumerate(spoiled):
            path = order.shares[number]
            content = bytearray(path.read_bytes())
            if spoil == "damaged":
                content[len(content) // 2] ^= 255
                path.write_bytes(content)
            if spoil == "other":
                with np.load(path) as arrays:
                    np.savez(path, **{**arrays, "key": np.array("other")})
        fitted.append([])
        return on_worker.fit(desk, order, post)

    monkeypatch.setattr("bids_app.encoding.ridge.fit.fit_batch", counted)
    monkeypatch.setattr(on_cluster, "fit", fit_unit)
    in_shares(3)
    for out, how, expected in (("there", [], 0), ("spoiled", ["damaged", "other"], 24)):
        crew()
        fitted[:], spoiled[:] = [[]], how
        asked = ("--nprocs", "2", "--save", "alphas", "blocks", "--participant-label", "01")
        assert run(study, out, *asked, levels=("participant",)) == 0
        sampled = 40  # whose autocorrelation decides the length of blocks
        assert sum(fitted[-1]) == sampled + expected
        assert [name for name in unlike(study / out, narrow) if name.startswith(("sub-01", "logs/sub-01"))] == []


def test_shares_of_a_unit_that_cannot_be_fitted_cost_nothing(study, crew, in_shares, monkeypatch):
    """It says itself what is wrong, before shares of others begin, so that the first crash stops these."""

    def fails(*given):
        raise ValueError("a reason")

    in_shares(2)
    monkeypatch.setattr(participants, "fit_share", fails)
    monkeypatch.setattr(participants, "fit_unit", fails)
    for more, others in (((), "failed"), (("--stop-on-first-crash",), "skipped")):
        crew()
        assert run(study, "failing", "--nprocs", "2", *more, levels=("participant",)) == 1
        found = [rows(study, "failing")[stem(person)] for person in ("01", "02", "03")]
        assert [state for state, _ in found] == ["failed", others, others]
        assert all("ValueError: a reason" in reason for state, reason in found if state == "failed")


def test_who_holds_what_a_share_needs_ends_the_run(study, crew, in_shares, monkeypatch):
    def held(*given):
        raise Busy("held")

    in_shares(2)
    monkeypatch.setattr(participants, "fit_share", held)
    crew()
    assert run(study, "held", "--nprocs", "2") == 75
    assert rows(study, "held") == {**HEAD, stem("01"): ("failed", "held")}  # as of a unit that is whole


def test_a_unit_runs_from_its_first_share_on(study, crew, in_shares, monkeypatch):
    """Its row says so, and since when; where the run is interrupted meanwhile, that it was."""
    seen, begin = [], on_worker.fit

    def fit_unit(desk, order, post):
        seen.append(rows(study, "row")[order.unit.stem])
        return begin(desk, order, post)

    in_shares(2)
    monkeypatch.setattr(on_cluster, "fit", fit_unit)
    crew()
    asked = ("--nprocs", "2", "--participant-label", "01")
    assert run(study, "row", *asked, levels=("participant",)) == 0
    assert [state for state, _ in seen] == ["running"]
    assert rows(study, "row")[stem("01")][0] == "done"
    crew({share(2, "01", 2): KeyboardInterrupt()})
    assert run(study, "stopped", *asked, levels=("participant",)) == 130
    assert rows(study, "stopped") == {**HEAD, stem("01"): ("failed", on_cluster.INTERRUPTED)}


def test_the_first_crash_gives_up_units_of_which_no_share_has_begun(tmp_path):
    """Of four units: one whose share has begun, as is known; one whose share has, as workers say; one whose shares
    are waiting; one that is whole."""
    dropped, skipped = [], []
    crew = SimpleNamespace(drop=lambda names: dropped.extend(names) or {"share 1 of 2 of b"})
    shared = on_cluster.Shared(tmp_path, dict.fromkeys("abc", 2))
    shared.left = {f"share {number} of 2 of {one}": one for one in "abc" for number in (1, 2)}
    shared.begun = {"a"}
    level = on_cluster._Level(crew, None, None, None, on_gpu=False, shared=shared, features=["features"])
    level.waiting = {one: SimpleNamespace(unit=one) for one in "abcd"}
    level._skip = lambda work: skipped.append(work.unit)
    level._stop()
    assert set(dropped) == {"features", "b", "c", "d", *(f"share {n} of 2 of {one}" for one in "bc" for n in (1, 2))}
    assert skipped == ["c", "d"]
    assert set(shared.left) == {"share 1 of 2 of a", "share 2 of 2 of a", "share 1 of 2 of b"}


def test_a_dry_run_says_which_units_would_be_shared_out(study, monkeypatch, capsys):
    monkeypatch.setattr(dry_run, "share_counts", lambda costs, n_workers: [1, n_workers, 3][: len(costs)])
    said = []
    for more in (("--nprocs", "2"), ()):
        run(study, "plan", "--dry-run", *more, levels=("participant",))
        said.append(re.findall(r"time: (\S+): its targets would be fitted in (\d) shares", capsys.readouterr().out))
    assert said == [[(stem("02"), "2"), (stem("03"), "3")], []]


def test_that_nobody_is_left_is_said_once_each_time(monkeypatch):
    """After a minute without a word; a worker that comes, and goes again, is the next time."""
    monkeypatch.setattr(on_cluster, "ALONE_S", 0.0)
    said, crew = [], SimpleNamespace(is_alone=True)
    progress = SimpleNamespace(notify=said.append)
    level = on_cluster._Level(crew, None, None, progress, on_gpu=False, shared=on_cluster.Shared(None))
    level._take(None)
    level._take(None)
    assert said == [on_cluster.ALONE]
    crew.is_alone = False
    level._take(None)
    crew.is_alone = True
    level._take(None)
    assert len(said) == 2
    monkeypatch.setattr(on_cluster, "ALONE_S", 60.0)
    level.alone = False
    level._take(None)
    assert len(said) == 2
