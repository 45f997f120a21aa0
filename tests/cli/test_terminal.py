"""What a command says, to whom, and what ends it early."""

import os
import pty
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bids_app.cli.concord import parse_arguments
from bids_app.cli.one_line import Terminated, run_in_one_line
from bids_app.cli.terminal import said_plainly, said_with_time, screen_of
from bids_app.execution import State

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


def test_a_signal_that_is_sent_again_changes_nothing(monkeypatch):
    said = []

    def say(line):
        signal.raise_signal(signal.SIGINT)
        said.append(line)

    monkeypatch.setattr("bids_app.cli.one_line._say", say)
    assert run_in_one_line("concord", [], lambda: signal.raise_signal(signal.SIGINT)) == 130
    assert len(said) == 1


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


SHOWN = """
import time
from bids_app.cli.terminal import InPlace, said_with_time
from bids_app.execution import State
shown = InPlace()
shown.show("[1/2] sub-01", State("search", 0.345, 240.0))
said_with_time("[bold]a line[/bold]")
shown.show("[1/2] sub-01", State("models", 0.5, 100.0))
shown.clear()
said_with_time("the end")
"""


def on_a_terminal(script, stderr, **variables):
    """What a script says on a terminal, and its exit code."""
    mine, theirs = pty.openpty()
    command = [sys.executable, "-c", script]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40", **variables}
    with subprocess.Popen(command, stdout=theirs, stderr=stderr, env=environment) as process:
        os.close(theirs)
        said = b""
        while True:
            try:
                some = os.read(mine, 4096)
            except OSError:  # it has ended
                break
            if not some:
                break
            said += some
    os.close(mine)
    return said, process.returncode


def test_on_a_terminal_one_line_changes_below_the_others():
    """Names and lines in square brackets are no markup."""
    said, code = on_a_terminal(SHOWN, subprocess.STDOUT)
    assert code == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.decode())
    for part in ("[1/2] sub-01", "search, 34 % done, about 4 min left", "[bold]a line[/bold]", "models, 50 % done"):
        assert part in text
    assert text.rstrip().endswith("the end")
    assert b"\x1b[2K" in said.split(b"models")[-1]  # the line is taken away


def test_a_terminal_that_lacks_characters_costs_nothing_while_a_line_is_in_place(tmp_path):
    """And what is said on standard error goes there, not to the terminal."""
    script = SHOWN.replace("[bold]a line[/bold]", "R² ≤ 5")
    script = script.replace("shown.clear()", "import sys\nprint('a warning', file=sys.stderr)\nshown.clear()")
    with (tmp_path / "errors").open("wb") as errors:
        said, code = on_a_terminal(script, errors, PYTHONIOENCODING="latin-1")
    assert code == 0
    assert b"R\xb2 ? 5" in said
    assert said.rstrip().endswith(b"the end")
    assert (tmp_path / "errors").read_text() == "a warning\n"


@pytest.mark.parametrize(
    ("flags", "says", "details", "lines"),
    [((), True, False, True), (("-v",), True, True, True), (("-q",), False, False, False)],
)
def test_what_a_run_is_watched_through(flags, says, details, lines, capsys, tmp_path):
    options = parse_arguments([str(tmp_path / "data"), str(tmp_path / "out"), "participant", *flags])
    screen = screen_of(options)
    for speak in (screen.say, screen.detail, lambda line: screen.live.show(line, State("search", 0.5, 60.0))):
        speak("x")
    said = capsys.readouterr().out
    assert len(said.splitlines()) == says + details + lines
    assert ("x: search, 50 % done, about 60 s left" in said) == lines
