"""Odd values of options, homes that are none, and OUT_DIRs that were edited by hand: one line each."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_study import make_study

from bids_app.cli import concord_tools
from bids_app.cli.concord import main
from bids_app.cli.one_line import run_in_one_line
from bids_app.process import usable_home

DEEP = "[" * 100_000
FILES = ("pipe", "deep", "binary", "numbers")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = tmp_path_factory.mktemp("study")
    make_study(root, ("01",), (1, 2, 3))
    (root / "deep").write_text(DEEP)
    (root / "binary").write_bytes(b"\xff\xfe\xfa" * 100)
    (root / "numbers").write_text("name: " + "9" * 6000)
    (root / "loop").symlink_to("loop")
    os.mkfifo(root / "pipe")
    return root


def said(capsys):
    lines = [line for line in capsys.readouterr().err.splitlines() if line]
    assert len(lines) == 1, lines
    assert lines[0].startswith(("concord: ", "concord-tools: "))
    assert "bug" not in lines[0]
    return lines[0]


ODD = [
    (option, value)
    for option, values in {
        "--mem-mb": ("0", "-1", "9" * 30, "²", "1.5", "nan"),
        "--omp-nthreads": ("0", "1000000", "9" * 5000),
        "--nprocs": ("0", "-1", "9" * 30, "²"),
        "--dask-scheduler": ("", "x", "\0", "tcp://é:1", "ucx://a:1", "a:" + "9" * 500),
        "--device": ("", "cuda:99", "x\0"),
        "--participant-label": ("", "é", "²", "x" * 5000, "\0", "../x", "{root}/binary", "{root}/pipe"),
        "--space": ("", "\0"),
        "--desc": ("", "a b"),
        "-d": ("", "a=", "\0", "{root}/loop", "{root}/deep"),
        "--bids-filter-file": ("", "\0", "{root}/pipe", "{root}/deep", "{root}/binary", "{root}"),
        "--analysis": (
            "",
            "\0",
            "x" * 5000,
            "{root}/pipe",
            "{root}/deep",
            "{root}/binary",
            "{root}/numbers",
            "/dev/zero",
        ),
        "--stimuli": ("\0", "{root}/pipe", "{root}/deep", "{root}/binary"),
        "--model-dir": ("", "\0", "{root}/loop"),
        "--features-from": ("", "\0", "{root}/loop", "{root}/deep"),
    }.items()
    for value in values
]


@pytest.mark.parametrize(("option", "value"), ODD, ids=range(len(ODD)))
def test_an_odd_value_is_one_line(option, value, study, tmp_path, capsys):
    analysis = [] if option == "--analysis" else ["--analysis", str(study / "tiny.yaml")]
    given = [str(study / "bids"), str(tmp_path / "out"), "participant", "--dry-run", *analysis]
    if option == "--device":
        given.remove("--dry-run")
    assert main([*given, option, value.format(root=study)]) in (18, 64, 65, 66)
    said(capsys)


@pytest.mark.parametrize("place", ["", "\0", "{root}/loop", "{root}/deep/x", "/dev/null"])
@pytest.mark.parametrize("which", [0, 1])
def test_odd_folders_are_one_line(place, which, study, tmp_path, capsys):
    folders = [str(study / "bids"), str(tmp_path / "out")]
    folders[which] = place.format(root=study)
    assert main([*folders, "participant", "--analysis", str(study / "tiny.yaml")]) in (16, 64, 66, 73)
    said(capsys)


@pytest.mark.parametrize(
    "given", [["demo", ""], ["demo", "\0"], ["check-analysis", ""], ["check-analysis", "{root}/deep"]]
)
def test_companion_commands_say_one_line_too(given, study, capsys):
    assert concord_tools.main([one.format(root=study) for one in given]) in (64, 66)
    said(capsys)


# ------------------------------------------------------------------------------------------------ OUT_DIR
@pytest.fixture(scope="module")
def done(study, tmp_path_factory):
    out = tmp_path_factory.mktemp("done") / "out"
    assert main([str(study / "bids"), str(out), "participant", "--analysis", str(study / "tiny.yaml")]) == 0
    return out


NAMES = ("status.json", "status.tsv", "dataset_description.json", "analysis.yaml", "logs/accounts.json")
EDITED = {"deep": DEEP, "empty": "", "list": "[1, 2]", "null": "null", "text": "\x00\x01", "rows": '[{"unit": 5}]'}


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("how", EDITED)
def test_files_that_were_edited_by_hand_are_one_line_or_made_anew(name, how, study, done, capsys):
    path = done / name
    before = path.read_bytes() if path.exists() else None
    path.write_text(EDITED[how])
    given = [str(study / "bids"), str(done), "participant", "--analysis", str(study / "tiny.yaml"), "--reports-only"]
    try:
        code = main(given)
        assert code in (0, 64, 74)
        assert code == 0 or said(capsys)
    finally:
        path.unlink()
        if before is not None:
            path.write_bytes(before)


def test_a_summary_that_nests_too_deep_is_made_anew(study, done):
    (summary,) = (done / "logs").glob("*_unit.json")
    summary.write_text(DEEP)
    assert main([str(study / "bids"), str(done), "participant", "--analysis", str(study / "tiny.yaml")]) == 0
    assert json.loads(summary.read_text())


# ------------------------------------------------------------------------------------------------ the last catch
class Panic(BaseException):
    """As libraries in Rust raise it."""


@pytest.mark.parametrize("error", [Panic("x"), RecursionError("deep"), MemoryError(), KeyError("k"), OSError("gone")])
def test_whatever_is_raised_ends_in_one_line(error, capsys):
    def broken():
        raise error

    assert run_in_one_line("concord", [], broken) in (70, 74, 75)
    assert capsys.readouterr().err.count("\n") == 1


def test_without_a_place_for_a_log_it_is_one_line_too(capsys, monkeypatch):
    def nowhere():
        raise FileNotFoundError("no usable temporary directory")

    def broken():
        raise ValueError("planted")

    monkeypatch.setattr("tempfile.gettempdir", nowhere)
    assert run_in_one_line("concord", [], broken) == 70
    assert capsys.readouterr().err == "concord: a bug of Concord: ValueError\n"


NOBODY = """
import os, pwd, sys
def none(*_):
    raise KeyError("uid not found")
pwd.getpwuid = none
os.environ.pop("HOME", None)
"""


@pytest.mark.parametrize(
    "how", ["nobody", *(pytest.param(how, marks=pytest.mark.long) for how in ("nowhere", "a file"))]
)
def test_a_filter_file_needs_no_home(how, study, tmp_path):
    (tmp_path / "filter.json").write_text('{"bold": {"run": 1}}')
    (tmp_path / "file").write_text("")
    homes = {"nobody": NOBODY, "nowhere": "import os\nos.environ['HOME'] = '/nowhere/at/all'\n",
             "a file": f"import os\nos.environ['HOME'] = {str(tmp_path / 'file')!r}\n"}  # fmt: skip
    given = [str(study / "bids"), str(tmp_path / "out"), "participant", "--analysis", str(study / "tiny.yaml")]
    given += ["--dry-run", "--bids-filter-file", str(tmp_path / "filter.json")]
    code = f"{homes[how]}\nimport sys\nfrom bids_app.cli.concord import main\nsys.exit(main({given!r}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert (run.returncode, run.stderr) == (0, "")


def test_a_home_that_is_none_is_lent_one_and_given_back(monkeypatch, tmp_path):
    for name in ("XDG_CACHE_HOME", "MPLCONFIGDIR", "HF_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "nowhere"))
    with usable_home():
        lent = os.environ["HOME"]
        assert Path(lent).is_dir()
        assert os.environ["XDG_CACHE_HOME"] == os.environ["MPLCONFIGDIR"] == lent
    assert not Path(lent).exists()
    assert os.environ["HOME"] == str(tmp_path / "nowhere")
    assert "XDG_CACHE_HOME" not in os.environ
    monkeypatch.setenv("HOME", str(tmp_path))
    with usable_home():
        assert os.environ["HOME"] == str(tmp_path)
        assert "MPLCONFIGDIR" not in os.environ
