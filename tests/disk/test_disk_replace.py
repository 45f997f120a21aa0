"""Files are whole or not there; what dead processes left is swept, and what living ones are at stays."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bids_app.disk import owners, replace, scratch, sweep_parts, sweep_scratch, write_whole
from bids_app.disk.scratch import scratch_array, scratch_folder
from bids_app.errors import ReadWriteError

AT_IT = """
import sys, time
from pathlib import Path
from bids_app.disk import {what}
with {what}(Path(sys.argv[1])) as place:
    print(place, flush=True)
    time.sleep(600)
"""


def start(what, path):
    """A process that is writing, and what it writes to."""
    code = AT_IT.format(what=what)
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    return process, Path(process.stdout.readline().strip())


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


@pytest.fixture(params=["the kernel's locks", "no locks"])
def disk(request, monkeypatch):
    """A disk with locks, and one without."""
    if request.param == "no locks":

        def refuse(*_):
            raise OSError(errno.ENOLCK, "no locks")

        monkeypatch.setattr("fcntl.flock", refuse)
    return request.param


@pytest.mark.parametrize(("what", "sweep"), [("replacing", sweep_parts), ("scratch_folder", sweep_scratch)])
def test_a_living_processs_files_stay_and_a_dead_ones_go(tmp_path, disk, what, sweep):
    process, place = start(what, tmp_path / "a.txt" if what == "replacing" else tmp_path)
    try:
        sweep(tmp_path)
        assert place.exists()
    finally:
        kill(process)
    assert place.exists()
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("what", "sweep"), [("replacing", sweep_parts), ("scratch_folder", sweep_scratch)])
def test_files_of_another_machine_stay_for_a_day_though_their_lock_is_free(tmp_path, disk, monkeypatch, what, sweep):
    """On a disk whose locks are of one machine alone every lock of another one is free."""
    monkeypatch.setattr(owners, "_machine", lambda: "another")
    process, place = start(what, tmp_path / "a.txt" if what == "replacing" else tmp_path)
    kill(process)
    sweep(tmp_path)
    assert place.exists()
    age(place, owners.FOREIGN_S - 60)
    sweep(tmp_path)
    assert place.exists()
    age(place, owners.FOREIGN_S + 60)
    sweep(tmp_path)
    assert not place.exists()


def test_a_living_processs_files_stay_though_their_lock_is_free(tmp_path, monkeypatch):
    monkeypatch.setattr(replace, "try_lock", lambda _: True)
    with replace.replacing(tmp_path / "a.txt") as part:
        age(part, 2 * owners.FOREIGN_S)
        sweep_parts(tmp_path)
        assert part.exists()


def test_a_scratch_folder_of_another_machine_that_is_written_to_stays(tmp_path, disk):
    folder = tmp_path / "concord-scratch-x"
    folder.mkdir()
    (folder / "owner").write_text("ffffffff-1-1")
    age(folder, 2 * owners.FOREIGN_S)
    (folder / "0_0.npy").write_bytes(b"x")
    os.utime(folder, (1, 1))
    sweep_scratch(tmp_path)
    assert folder.exists()


@pytest.mark.parametrize("name", [".a.part", ".a.nii.gz.0123456789abcdef.part", "a.part", ".video.mp4.1-2-3.x.part"])
def test_files_of_other_programs_stay_however_old(tmp_path, disk, name):
    stray = tmp_path / "deep" / name
    stray.parent.mkdir()
    stray.write_bytes(b"not ours")
    age(stray, 2 * owners.FOREIGN_S)
    sweep_parts(tmp_path)
    assert stray.exists()


def test_a_scratch_folder_without_an_owner_goes_once_it_is_old(tmp_path, disk):
    folder = tmp_path / "concord-scratch-old"
    folder.mkdir()
    (folder / "0_0.npy").write_bytes(b"x")
    sweep_scratch(tmp_path)
    assert folder.exists()
    age(folder, 2 * owners.FOREIGN_S)
    sweep_scratch(tmp_path)
    assert not folder.exists()


def test_a_scratch_folder_in_use_is_touched(tmp_path, monkeypatch):
    monkeypatch.setattr(scratch, "TOUCHED_S", 0.01)
    with scratch_folder(tmp_path) as folder:
        age(folder, 2 * owners.FOREIGN_S)
        until = time.monotonic() + 10
        while scratch._changed_s(folder) < time.time() - 60:
            assert time.monotonic() < until
            time.sleep(0.01)


def test_a_folder_that_cannot_be_looked_through_is_left_alone(tmp_path):
    folder = tmp_path / "concord-scratch-odd"
    folder.mkdir()
    (folder / "link").symlink_to("nowhere")
    os.utime(folder, (1, 1))
    sweep_scratch(tmp_path)
    assert folder.exists()


def refuse(number):
    def allocate(*_):
        raise OSError(number, os.strerror(number))

    return allocate


def test_a_full_disk_is_an_error_before_a_working_file_is_used(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "posix_fallocate", refuse(errno.ENOSPC))
    with pytest.raises(ReadWriteError, match=r"No space left on device.*choose another --work-dir") as caught:
        scratch_array(tmp_path, "a", (2, 3), "f8")
    assert caught.value.exit_code == 74
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("way", ["allocated", "no such call", errno.EOPNOTSUPP, errno.EINVAL])
def test_a_working_file_has_all_of_its_room_at_once(tmp_path, monkeypatch, way):
    if way == "no such call":
        monkeypatch.delattr(os, "posix_fallocate")
    elif way != "allocated":
        monkeypatch.setattr(os, "posix_fallocate", refuse(way))
    (tmp_path / "a").write_bytes(b"what was there before")
    found = scratch_array(tmp_path, "a", (3, 70_001), "f8")
    facts = (tmp_path / "a").stat()
    assert facts.st_size == found.nbytes == 3 * 70_001 * 8
    assert facts.st_blocks * 512 >= facts.st_size
    assert not found.any()
    found[2, -1] = 1.0
    found.flush()
    assert (tmp_path / "a").read_bytes()[-8:] == found[2, -1].tobytes()


def age(path, seconds):
    """A file, or a folder with all in it, was last changed so long ago."""
    for one in (*path.glob("*"), path):
        os.utime(one, (time.time() - seconds,) * 2)


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    steps = []
    fsync, rename = os.fsync, replace.rename
    monkeypatch.setattr(os, "fsync", lambda number: (steps.append(os.fstat(number).st_ino), fsync(number)))
    monkeypatch.setattr(replace, "rename", lambda part, path: (steps.append("rename"), rename(part, path)))
    write_whole(tmp_path / "a.txt", b"content")
    assert steps == [(tmp_path / "a.txt").stat().st_ino, "rename"]


@pytest.mark.parametrize("step", ["write_bytes", "fsync", "rename"])
def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch, step):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    write_whole(tmp_path / "a.txt", b"old")
    monkeypatch.setattr(*{"write_bytes": (Path, step), "fsync": (os, step), "rename": (replace, step)}[step], full)
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "a.txt", b"new")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_a_part_that_is_swept_before_it_is_locked_is_made_again(tmp_path, monkeypatch):
    seen = []

    def sweeps_first(file):
        seen.append(file)
        if len(seen) == 1:
            next(tmp_path.glob(".*.part")).unlink()
        return owners.try_lock(file)

    monkeypatch.setattr(replace, "try_lock", sweeps_first)
    write_whole(tmp_path / "a.txt", b"x")
    assert len(seen) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_sweeping_while_others_write_loses_nothing(tmp_path):
    stop = threading.Event()

    def sweep():
        while not stop.is_set():
            sweep_parts(tmp_path)

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    try:
        for number in range(100):
            write_whole(tmp_path / f"{number}.txt", b"x")
    finally:
        stop.set()
        sweeper.join()
    assert len(list(tmp_path.iterdir())) == 100


@given(st.text(max_size=40))
def test_any_text_is_a_token_or_tells_nothing(text):
    assert owners.is_dead(text) in (None, True, False)
    machine = owners.own_token().partition("-")[0]
    assert owners.is_dead(f"{machine}-{text}") in (None, True, False)


def test_a_process_is_known_by_its_start_too():
    token = owners.own_token()
    assert owners.is_dead(token) is False
    assert owners.is_dead(token.rpartition("-")[0] + "-1") is True  # the number is another process's now


def test_a_process_that_has_ended_and_was_not_waited_for_is_dead():
    pid = os.fork()
    if pid == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # it stays a zombie
    token = f"{owners._machine()}-{pid:x}-{owners._started(pid)}"
    assert owners.is_dead(token) is True
    os.waitpid(pid, 0)
