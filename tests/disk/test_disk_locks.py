"""A wait for a lock is said and ends; locks of processes that have ended are free."""

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from bids_app.disk import locked, locks, owners
from bids_app.errors import Busy

HOLD = """
import fcntl, sys, time
from pathlib import Path
if sys.argv[2] == "no locks":
    def refuse(*_):
        raise OSError(38, "no locks")
    fcntl.flock = refuse
from bids_app.disk import locked
with locked(Path(sys.argv[1]), print):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture(params=["the kernel's locks", "no locks"])
def disk(request, monkeypatch):
    if request.param == "no locks":

        def refuse(*_):
            raise OSError(errno.ENOSYS, "no locks")

        monkeypatch.setattr("fcntl.flock", refuse)
    return request.param


@pytest.fixture
def holder(tmp_path, disk):
    """Another process that holds the lock."""
    code = [sys.executable, "-c", HOLD, str(tmp_path / "a.lock"), disk]
    with subprocess.Popen(code, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.send_signal(signal.SIGKILL)


def test_a_wait_is_said_once_and_ends(tmp_path, holder, monkeypatch):
    monkeypatch.setattr(locks, "SAID_S", 0.1)
    said, began = [], time.monotonic()
    with pytest.raises(Busy, match="delete the file") as caught, locked(tmp_path / "a.lock", said.append, ends_s=0.4):
        pytest.fail("it is held")
    assert 0.4 <= time.monotonic() - began < 2.5
    who = f"process {holder.pid} on {socket.gethostname()}"
    assert said == [f"waiting for {tmp_path / 'a.lock'}, which {who} holds"]
    assert who in str(caught.value)
    assert caught.value.exit_code == 75


def test_what_a_killed_process_held_is_free(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    said = []
    with locked(tmp_path / "a.lock", said.append, ends_s=5):
        assert (tmp_path / "a.lock").exists()
    assert said == []
    with locked(tmp_path / "a.lock", said.append, ends_s=0):
        pass


def test_one_at_a_time(tmp_path, disk):
    counts, inside = [], []

    def work():
        for _ in range(20):
            with locked(tmp_path / "a.lock", str, ends_s=30):
                inside.append(1)
                counts.append(len(inside))
                time.sleep(0.001)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert counts == [1] * 60


STALE = {
    "ours, of a process that ended": lambda: f"1\n{socket.gethostname()}\n{owners._machine()}-1-1\n",
    "of another program, whose process ended": lambda: f"{dead_pid()}\n{socket.gethostname()}\n",
    "of another program, whose process runs": lambda: f"{os.getpid()}\n{socket.gethostname()}\n",
    "of another host": lambda: f"{dead_pid()}\nelsewhere\n",
    "ours, of another machine": lambda: "1\nelsewhere\nffffffff-1-1\n",
    "no name, old": lambda: "",
    "no name, new": lambda: "",
    "of no form": lambda: "?\n\n\n",
}
FREE = {"ours, of a process that ended", "of another program, whose process ended", "no name, old"}


def dead_pid():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


@pytest.mark.parametrize("case", STALE)
@pytest.mark.parametrize("disk", ["no locks"], indirect=True)
def test_stale_soft_locks_are_recognised(tmp_path, disk, case):
    path = tmp_path / "a.lock"
    path.write_text(STALE[case]())
    if case == "no name, old":
        os.utime(path, (1, 1))
    if case in FREE:
        with locked(path, str, ends_s=5):
            pass
        assert list(tmp_path.iterdir()) == []
    else:
        with pytest.raises(Busy), locked(path, str, ends_s=0.2):
            pytest.fail("it is held")
        assert path.read_text() == STALE[case]() or case.startswith("of another")


def test_an_error_inside_frees_it(tmp_path, disk):
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "a.lock", str):
        raise ZeroDivisionError
    with locked(tmp_path / "a.lock", str, ends_s=0):
        pass
