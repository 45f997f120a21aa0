"""Several processes: OUT_DIR is as one process leaves it, byte for byte, whoever is killed meanwhile."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import dask
import distributed
import pytest
from quick_study import cut, differences, make_quick_study, plain_brains, response, stem
from worker_preload import address_there

from bids_app.cli.concord import main
from bids_app.demo import make_demo
from bids_app.encoding.ridge import batches
from bids_app.pipeline import on_cluster
from bids_app.pipeline.cluster.crew import Ended, crew_of

LEVELS = ("participant", "group")
assert distributed  # its defaults are in dask.config before a test sets anything there
HELPERS = Path(__file__).parents[2] / "helpers"
PRELOAD = str(HELPERS / "worker_preload.py")


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """A study that one process went through: sub-02 has a run that is cut off."""
    root = make_quick_study(tmp_path_factory.mktemp("cluster"), people=("01", "02"))
    cut(response(root, "02", 2))
    assert run(root, "out") == 1
    return root


@pytest.fixture(autouse=True)
def preloaded(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", f"{HELPERS.parents[1]}:{HELPERS}")
    with dask.config.set({"distributed.worker.preload": [PRELOAD]}):
        yield


def run(root, out, *more, levels=LEVELS):
    analysis = ["--analysis", str(root / "quick.yaml"), "--omp-nthreads", "1"]
    with plain_brains():
        return main([str(root / "bids"), str(root / out), *levels, *analysis, *more])


def unlike(root, out, other=None):
    """Files that differ from one process's, and what was left of what processes were at."""
    folder = root / out
    left = [*folder.rglob(".*.part"), *folder.rglob("concord-scratch-*"), *folder.rglob("*_files.txt")]
    return differences(folder, other or root / "out") + [str(path) for path in left]


def workers_left():
    listed = subprocess.run(["ps", "-eo", "ppid,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if "spawn_main" in line and line.split()[0] == str(os.getpid())]


@pytest.mark.long
def test_two_processes_leave_the_same_bytes(one, capsys):
    assert run(one, "two", "--nprocs", "2", "-w", str(one / "work")) == 1
    assert list((one / "work").iterdir()) == []
    said = capsys.readouterr().out
    assert unlike(one, "two") == []
    assert "2 worker processes" in said
    assert f"[1/2] {stem('01')}: done in" in said
    assert "sub-01: report written" in said
    assert workers_left() == []
    (log,) = (one / "two/logs").glob("*.log")
    assert "what smaller models leave" in log.read_text()  # stages of units that were fitted elsewhere


@contextmanager
def cluster(folder, *more, first=(), **environment):
    """A scheduler and two workers on loopback, as a user starts them; its file, and the workers. The first worker has
    the options `first` besides."""
    file, local = folder / "scheduler.json", ["--no-dashboard", "--host", "127.0.0.1"]
    worker = ["worker", *local, "--nthreads", "1", "--memory-limit", "0", "--no-nanny", *more]
    with (folder / "dask.log").open("w") as log:
        options = {"stdout": log, "stderr": log, "cwd": folder, "env": {**os.environ, **environment}}
        processes = [
            subprocess.Popen([sys.executable, "-m", "dask", *each, "--scheduler-file", str(file)], **options)
            for each in (["scheduler", *local, "--port", "0"], [*worker, *first], worker)
        ]
        try:
            while not file.exists():
                time.sleep(0.1)
            yield file, processes[1:]
        finally:
            for process in reversed(processes):
                process.kill()
                process.wait()


def kill_in_the_middle(worker, out):
    """When units are fitted."""
    while not ((out / "status.json").exists() and '"running"' in (out / "status.json").read_text()):
        time.sleep(0.1)
    time.sleep(2.0)
    worker.kill()


@pytest.mark.long
def test_the_demo_on_a_cluster_one_of_whose_workers_is_killed(tmp_path, capsys):
    make_demo(tmp_path)
    given = ["--analysis", "demo", "--model-dir", str(tmp_path / "models"), "--offline", "--omp-nthreads", "1"]
    assert main([str(tmp_path / "bids"), str(tmp_path / "out"), *LEVELS, *given]) == 0
    with cluster(tmp_path) as (file, workers):
        killing = threading.Thread(target=kill_in_the_middle, args=(workers[0], tmp_path / "other"))
        killing.start()
        given += ["--dask-scheduler-file", str(file)]
        assert main([str(tmp_path / "bids"), str(tmp_path / "other"), *LEVELS, *given]) == 0
        killing.join()
    assert workers[0].returncode == -signal.SIGKILL
    assert "another one begins it again" in capsys.readouterr().out
    assert unlike(tmp_path, "other") == []


@pytest.mark.long
@pytest.mark.parametrize("n_gpus", [1, 0])
def test_fits_go_to_workers_with_a_gpu_where_there_are_some(tmp_path, n_gpus):
    first, done = ("--resources", "GPU=1") if n_gpus else (), {}
    with (
        cluster(tmp_path, "--preload", PRELOAD, first=first) as (file, _),
        distributed.Client(scheduler_file=str(file), set_as_default=False) as client,
    ):
        client.wait_for_workers(2)
        workers = client.scheduler_info()["workers"]
        with crew_of(client, dict) as crew:
            for number in range(12):
                crew.give(f"a unit {number}", address_there, None, on_gpu=True)
                crew.give(f"a report {number}", address_there, None)
            while crew.pending:
                if isinstance(one := crew.next(1.0), Ended):
                    done.setdefault(one.name.split()[1], set()).add(one.outcome.said[0].text)
    with_gpu = {address for address, one in workers.items() if one["resources"].get("GPU")}
    assert len(with_gpu) == n_gpus
    assert done["unit"] | done["report"] == {*workers}
    assert not n_gpus or done["unit"] == with_gpu


@pytest.mark.long
def test_a_worker_that_is_killed_costs_nothing(one, tmp_path, capsys):
    """Of a cluster that is there, where it had written all files of a unit but the last."""
    killed = tmp_path / "killed"
    with cluster(tmp_path, "--preload", PRELOAD, KILL_AT=f"{stem('01')}_unit.json", KILLED=str(killed)) as (file, _):
        assert run(one, "cluster", "--dask-scheduler-file", str(file)) == 1
    assert killed.exists()
    assert unlike(one, "cluster") == []
    said = capsys.readouterr().out
    assert f"{stem('01')}: its worker process has ended: another one begins it again" in said


@pytest.mark.long
def test_a_unit_whose_worker_is_killed_each_time_fails_alone(one, monkeypatch, capsys):
    monkeypatch.setenv("KILL_AT", f"{stem('01')}_unit.json")
    assert run(one, "bad", "--nprocs", "2", levels=("participant",)) == 1
    found = {row["unit"]: row for row in json.loads((one / "bad/status.json").read_text())}
    assert found[stem("01")]["status"] == "failed"
    assert "the process that worked on it was killed 4 times" in found[stem("01")]["reason"]
    assert "a bug of" not in found[stem("01")]["reason"]
    assert found[stem("02")]["status"] == "done"
    monkeypatch.delenv("KILL_AT")
    with plain_brains():
        assert run(one, "bad") == 1
    assert unlike(one, "bad") == []


@pytest.fixture
def in_shares(one, monkeypatch):
    """Units are cut into three shares, of blocks of eight targets; what one process leaves with such blocks."""
    monkeypatch.setenv("BLOCK_WIDTH", "8")
    monkeypatch.setitem(batches.BLOCK_WIDTH, "cpu", 8)
    monkeypatch.setattr(on_cluster, "share_counts", lambda costs, n_workers: [3] * len(costs))
    if not (one / "narrow").exists():
        assert run(one, "narrow") == 1
    return one / "narrow"


@pytest.mark.long
def test_a_unit_in_shares_leaves_the_same_bytes_though_the_worker_of_one_is_killed(one, in_shares, tmp_path, capsys):
    killed = tmp_path / "killed"
    with cluster(tmp_path, "--preload", PRELOAD, KILL_AT=f"{stem('01')}_1.npz", KILLED=str(killed)) as (file, _):
        assert run(one, "shares", "--dask-scheduler-file", str(file)) == 1
    assert killed.exists()
    assert unlike(one, "shares", in_shares) == []
    said = capsys.readouterr().out
    assert f"{stem('01')}: the share 2 of 3: its worker process has ended: another one begins it again" in said


@pytest.mark.long
def test_a_share_that_kills_its_worker_each_time_costs_time_alone(one, in_shares, monkeypatch):
    monkeypatch.setenv("KILL_AT", f"{stem('01')}_1.npz")
    assert run(one, "killing", "--nprocs", "2") == 1
    assert unlike(one, "killing", in_shares) == []
    (log,) = (one / "killing/logs").glob("*.log")
    said = log.read_text()
    assert f"share 2 of 3 of {stem('01')}: not fitted: the process that worked on it was killed 4 times" in said
    assert f"[1/2] {stem('01')}: targets of a share are fitted again: " in said


def is_running(out, unit):
    status = out / "status.json"
    rows = json.loads(status.read_text()) if status.exists() else []
    return any(row["unit"] == unit and row["status"] == "running" for row in rows)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.long
def test_who_is_stopped_leaves_no_process(one, number):
    out = one / f"stopped{number.value}"
    command = [sys.executable, "-m", "bids_app", str(one / "bids"), str(out), "participant"]
    given = ["--analysis", str(one / "quick.yaml"), "--nprocs", "2"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([*command, *given], start_new_session=True, cwd=HELPERS.parents[1], **pipes)
    while not is_running(out, stem("01")):
        time.sleep(0.05)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does
    else:
        process.send_signal(number)
    _, error = process.communicate(timeout=60)
    time.sleep(1)
    left = subprocess.run(
        ["ps", "-o", "stat,args", "-s", str(process.pid)], capture_output=True, text=True, check=False
    )
    assert [line for line in left.stdout.splitlines()[1:] if not line.startswith("Z")] == []
    if number != signal.SIGKILL:
        assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]
        assert re.fullmatch(r"concord: (interrupted|terminated); run the same command to go on\n", error)
        found = json.loads((out / "status.json").read_text())
        assert {row["reason"] for row in found if row["status"] == "failed" and row["unit"] == stem("01")} == {
            "interrupted: run the same command to go on"
        }


def test_workers_that_cannot_do_it_are_refused_in_one_line(one, tmp_path, capsys, monkeypatch):
    assert run(one, "no", "--dask-scheduler-file", str(tmp_path / "absent.json")) == 66
    assert "the scheduler's file cannot be read" in capsys.readouterr().err
    (tmp_path / "odd.json").write_text("[]")
    assert run(one, "no", "--dask-scheduler-file", str(tmp_path / "odd.json")) == 64
    monkeypatch.setattr("bids_app.pipeline.cluster.opening.CONNECT_S", 0.5)
    assert run(one, "no", "--dask-scheduler", "127.0.0.1:1") == 66
    assert "no dask scheduler answers" in capsys.readouterr().err
    assert not (one / "no" / "analysis.yaml").exists()  # asked before anything is begun: another analysis may follow
