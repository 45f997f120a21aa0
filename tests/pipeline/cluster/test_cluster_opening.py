"""What each process may take, which workers are refused, and what is told from one process to another."""

import logging
import shutil
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import dask
import distributed
import pytest

from bids_app import __version__
from bids_app.boundary import LOGGER, known_error
from bids_app.disk.owners import own_token
from bids_app.errors import ReadWriteError, UsageError
from bids_app.execution import State, StatusRow
from bids_app.pipeline import on_worker
from bids_app.pipeline.cluster import opening
from bids_app.pipeline.cluster.crew import Crew, crew_of
from bids_app.pipeline.cluster.telling import AtWork, Begun, Outcome, Telling, from_plain, say_again, to_plain
from bids_app.pipeline.cluster.workplace import Workplace, give_up_there
from bids_app.pipeline.watching.screen import Screen
from bids_app.records import ModelSource, RecordingQuery
from bids_app.settings.run_options import RunOptions

DEAD = f"{own_token().rpartition('-')[0]}-1"  # its number is another process's now


def options(root, **how):
    return RunOptions(RecordingQuery(root, root), ("participant",), "demo", ModelSource(None, True, "cpu"), **how)


@pytest.mark.parametrize(
    ("how", "threads", "mem_mb"),
    [
        ({"nprocs": 4}, 4, None),
        ({"nprocs": 5}, 3, 5120),  # 80 % of 32 GB
        ({"nprocs": 40}, 1, 640),
        ({"nprocs": 40, "threads": 2, "mem_mb": 9000}, 2, 9000),
        ({"scheduler": "tcp://node:1"}, 1, None),
        ({"scheduler": "tcp://node:1", "threads": 8, "mem_mb": 100}, 8, 100),
    ],
)
def test_what_a_process_may_take(tmp_path, monkeypatch, how, threads, mem_mb):
    monkeypatch.setattr("dask.system.CPU_COUNT", 16)
    monkeypatch.setattr("distributed.system.MEMORY_LIMIT", 32_000_000_000)
    assert opening.worker_limits(options(tmp_path, **how)) == (threads, mem_mb)


class Asked:
    """A client of a cluster with one worker."""

    def __init__(self, n_threads=1, version=__version__, elsewhere=None):
        self.n_threads, self.version, self.elsewhere = n_threads, version, elsewhere

    def scheduler_info(self, n_workers=5):
        assert n_workers == -1  # all of them
        return {"workers": {"tcp://worker": {"nthreads": self.n_threads}}}

    def run(self, look, *given, on_error):
        with self.of_its_own():
            found = look(*given)
        return {"tcp://worker": self.version if found == __version__ else found}

    @contextmanager
    def of_its_own(self):
        """A folder is one of the worker's own disk."""
        if self.elsewhere is None:
            yield
            return
        aside = self.elsewhere.rename(self.elsewhere.with_name("aside"))
        for folder in aside.glob("logs"):  # as an earlier run left it
            (self.elsewhere / folder.name).mkdir(parents=True)
        yield
        shutil.rmtree(self.elsewhere, ignore_errors=True)
        aside.rename(self.elsewhere)


def test_dasks_own_files_go_with_the_cluster(tmp_path, monkeypatch):
    seen = []

    class Opened:
        workers = {}  # noqa: RUF012 - as a cluster has it

        def __init__(self, *_, **__):
            seen.append(Path(dask.config.get("temporary-directory")))
            assert (seen[-1] / "owner").is_file()
            (seen[-1] / "dask-scratch-space").mkdir(exist_ok=True)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(distributed, "LocalCluster", Opened)
    monkeypatch.setattr(distributed, "Client", Opened)
    (tmp_path / "concord-scratch-old").mkdir()
    (tmp_path / "concord-scratch-old/owner").write_text(DEAD)
    with opening.open_cluster(options(tmp_path, nprocs=2), 2, print):
        assert {path.parent for path in seen} == {tmp_path}
        assert [*tmp_path.iterdir()] == seen[:1]
    assert [*tmp_path.iterdir()] == []
    assert dask.config.get("temporary-directory") not in map(str, seen)


def test_a_worker_takes_away_what_killed_ones_left_on_its_machine(tmp_path, monkeypatch):
    for name in ("set_environment", "made_here", "StimulusLibrary", "Accounts"):
        monkeypatch.setattr(on_worker, name, lambda *_: None)
    (tmp_path / "concord-scratch-old").mkdir()
    (tmp_path / "concord-scratch-old/owner").write_text(DEAD)
    job = SimpleNamespace(options=options(tmp_path, work_dir=tmp_path))
    on_worker.make_desk(job, (), None)
    assert [*tmp_path.iterdir()] == []


def test_workers_that_differ_are_refused(tmp_path):
    given = options(tmp_path, scheduler="tcp://node:1")
    opening._require_alike(Asked(), given)
    assert [*(tmp_path / "logs").iterdir()] == []  # of what workers were asked for nothing is left
    for client in (Asked(n_threads=4), Asked(version="0.0.1"), Asked(version=ModuleNotFoundError("bids_app"))):
        with pytest.raises(UsageError, match="tcp://worker"):
            opening._require_alike(client, given)


@pytest.mark.parametrize("name", ["bids", "prep", "models", "out"])
def test_a_worker_that_has_a_folder_of_the_same_name_is_refused(tmp_path, name):
    folders = {one: tmp_path / one for one in ("bids", "prep", "models", "out", "empty")}
    for folder in folders.values():
        folder.mkdir()
    for one in ("bids", "prep", "models"):
        (folders[one] / "content").mkdir()
    query = RecordingQuery(folders["bids"], folders["out"], {"prep": folders["prep"], "none": folders["empty"]})
    given = RunOptions(query, ("participant",), "demo", ModelSource(folders["models"], True, "cpu"))
    opening._require_alike(Asked(), given)
    with pytest.raises(UsageError, match=rf"there {folders[name]} is another folder, or none"):
        opening._require_alike(Asked(elsewhere=folders[name]), given)


@pytest.mark.parametrize(
    "event", [Begun("a"), AtWork("[1/2] a", State("fit", 0.5, None)), StatusRow("a", "01", "done")]
)
def test_events_come_as_they_were_sent(event):
    assert from_plain({**to_plain(event), "worker": "tcp://worker"}) == event


def test_what_was_said_elsewhere_is_said_again_in_its_order(caplog, monkeypatch):
    telling, posted, said = Telling(print, log=Path("run.log")), [], []
    monkeypatch.setattr(telling, "_post", posted.append)
    with telling.logged():
        telling.screen.say("a line")
        telling.book.record(StatusRow("a", "01", "running"))
        telling.screen.detail("a detail")
        try:
            raise ValueError("a reason")
        except ValueError as error:
            known_error(error)
        telling.book.record(StatusRow("a", "01", "failed"))
        telling.book.remove(["b"])
    assert posted == [StatusRow("a", "01", "running")]

    class Book:
        def record(self, row):
            said.append(row)

        def remove(self, units):
            said.append(units)

    monkeypatch.setattr(LOGGER, "propagate", True)
    caplog.clear()  # other tests may have left the log open
    with caplog.at_level(logging.INFO, "concord"):
        say_again(telling.said, Book(), Screen(said.append, lambda line: said.append(f"({line})"), telling))
    assert said == ["a line", "(a detail)", StatusRow("a", "01", "failed"), ("b",)]
    record = caplog.records[0]
    assert {one.getMessage() for one in caplog.records} == {"a bug of Concord"}
    assert "ValueError: a reason" in logging.Formatter().format(record)
    assert record.exc_info  # so that -vv shows it


def test_a_cluster_that_goes_as_the_run_begins_is_one_line():
    def gone(plugin):
        raise OSError("in <TCP (closed) ConnectionPool.register_worker_plugin>")

    client = SimpleNamespace(
        scheduler_info=lambda n_workers: {"workers": {}}, subscribe_topic=lambda *_: None, register_plugin=gone
    )
    with pytest.raises(ReadWriteError, match="has gone as the run began"), crew_of(client, dict):
        pass


def test_what_is_given_up_is_never_begun_and_what_has_begun_goes_on():
    place, begun, may_end = Workplace("run", lambda: "kept"), threading.Event(), threading.Event()
    place.setup(None)
    done = []

    def slow(kept, order, post):
        begun.set()
        assert may_end.wait(10)
        done.append((kept, order))
        return Outcome(failed=1)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(place.do, "run:a", slow, "a", print)
        assert begun.wait(10)
        second = pool.submit(place.do, "run:b", slow, "b", print)
        assert place.give_up(["run:a", "run:b"]) == ("run:a",)
        may_end.set()
        assert (first.result(), second.result()) == (Outcome(failed=1), Outcome())
    assert done == [("kept", "a")]
    assert place.give_up(["run:a", "run:d"]) == ("run:a",)  # it has ended, and what came of it is on its way
    assert place.do("run:c", slow, "c", print) == Outcome(failed=1)


def test_workers_are_asked_what_they_have_begun_before_anything_is_given_up():
    asked, cancelled = [], []

    def on_workers(do, run, keys, on_error):
        asked.append((do, run, {*keys}))
        return {"tcp://one": ("run:b",), "tcp://two": (), "tcp://three": ("run:another's", "run:before")}

    crew = Crew(SimpleNamespace(run=on_workers, cancel=cancelled.append), "run", has_gpus=False, n_workers=3)
    crew._futures |= {name: f"future {name}" for name in "abcd"}
    assert crew.drop(["a", "b", "z"]) == {"b"}
    assert asked == [(give_up_there, "run", {"run:a", "run:b"})]
    assert cancelled == [["future a"]]
    assert crew.drop(["z"]) == set()
    crew.leave()
    assert cancelled[1:] == [["future b", "future c", "future d"]]
    assert not crew.pending
