"""What a command says, to whom, and what ends it early."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bids_app.cli.one_line import Terminated, run_in_one_line
from bids_app.cli.terminal import said_plainly, said_with_time

CODE = "import sys; from bids_app.cli.terminal import said_with_time as say; {}"


def test_a_line_has_the_time_and_comes_at_once():
    """Not when the process ends: it is read while the process waits for an answer."""
    script = CODE.format("say('first'); sys.stdin.read(1); say('second')")
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert re.fullmatch(r"\d\d:\d\d:\d\d first\n", process.stdout.readline())
        rest, _ = process.communicate("x")
    assert re.fullmatch(r"\d\d:\d\d:\d\d second\n", rest)


@pytest.mark.parametrize("closed", ["a reader that has gone", "a full disk"])
def test_who_does_not_listen_costs_nothing(closed):
    script = CODE.format("[say('a line') for _ in range(1000)]; print('done', file=sys.stderr)")
    if closed == "a full disk":
        if not Path("/dev/full").exists():
            pytest.skip("no /dev/full")
        with Path("/dev/full").open("w") as full:
            done = subprocess.run([sys.executable, "-c", script], stdout=full, stderr=subprocess.PIPE, text=True)
    else:
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run([sys.executable, "-c", script], stdout=writing, stderr=subprocess.PIPE, text=True)
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "done\n")


def test_a_character_that_the_terminal_lacks_costs_nothing():
    done = subprocess.run(
        [sys.executable, "-c", CODE.format("say('café ≤ 5')")],
        capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stdout.endswith(b"caf? ? 5\n")


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGTERM, 143, "terminated; run the same command"), (signal.SIGINT, 130, "interrupted; run the same")],
    ids=["SIGTERM", "SIGINT"],
)
def test_a_signal_ends_a_command_by_its_own_code(number, code, said, capsys):
    before = signal.getsignal(signal.SIGTERM)

    def call():
        signal.raise_signal(number)
        raise AssertionError("goes on")

    assert run_in_one_line("concord", [], call) == code
    assert said in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_command_called_in_a_thread_leaves_signals_alone():
    codes = []
    thread = threading.Thread(target=lambda: codes.append(run_in_one_line("concord", [], lambda: 0)))
    thread.start()
    thread.join()
    assert codes == [0]


def test_termination_is_an_interruption():
    """So that whatever tidies up after one does so after the other."""
    assert issubclass(Terminated, KeyboardInterrupt)


def test_plain_lines_have_no_time(capsys):
    said_plainly("a table")
    said_with_time("a line")
    plain, timed = capsys.readouterr().out.splitlines()
    assert plain == "a table"
    assert re.fullmatch(r"\d\d:\d\d:\d\d a line", timed)
