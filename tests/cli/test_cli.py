import json

import pytest

from bids_app import __version__
from bids_app.cli.concord import main, parse_arguments
from bids_app.errors import NoInput, UnknownLevel, UsageError


@pytest.fixture
def bids(tmp_path):
    (tmp_path / "bids" / "derivatives").mkdir(parents=True)
    return tmp_path / "bids"


def parse(bids, *more, out=None):
    return parse_arguments([str(bids), str(out or bids.parent / "out"), "participant", *more])


def test_labels_come_with_or_without_prefix_and_from_a_file(bids, tmp_path):
    listed = tmp_path / "people.txt"
    listed.write_text("sub-03\n04\n")
    options = parse(bids, "--participant_label", "sub-01", "02", str(listed), "01", "-t", "task-story")
    assert options.query.participants == ("01", "02", "03", "04")
    assert options.query.tasks == ("story",)


def test_levels_run_in_their_order(bids):
    options = parse_arguments([str(bids), str(bids.parent / "out"), "group", "participant"])
    assert options.levels == ("participant", "group")


def test_features_from_other_folders(bids, tmp_path):
    for holds in ("a/stimuli", "several/gpt2/stimuli", "several/opt/stimuli", "several/logs", "bare/sub-01"):
        (tmp_path / holds).mkdir(parents=True)
    options = parse(bids, "--features-from", str(tmp_path / "a"), str(tmp_path / "several"))
    assert options.features_from == (tmp_path / "a", tmp_path / "several/gpt2", tmp_path / "several/opt")
    for lacks, what in (("absent", "names no folder"), ("bare", "names a folder without features")):
        with pytest.raises(NoInput, match=what):
            parse(bids, "--features-from", str(tmp_path / lacks))


def test_unknown_level_is_17(bids, capsys):
    with pytest.raises(UnknownLevel):
        parse_arguments([str(bids), str(bids.parent / "out"), "session"])
    assert main([str(bids), str(bids.parent / "out"), "session"]) == 17
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("out", ["", "derivatives", "code/out", "derivatives/../out"])
def test_out_dir_inside_bids_dir_is_refused(bids, out):
    with pytest.raises(UsageError, match="OUT_DIR lies in BIDS_DIR"):
        parse(bids, out=bids / out)


def test_out_dir_under_derivatives_is_accepted(bids):
    assert parse(bids, out=bids / "derivatives" / "concord").out_dir == (bids / "derivatives" / "concord").resolve()


@pytest.mark.parametrize(
    "more",
    [
        ["--no-such-flag"],
        ["--participant-label", "a/b"],
        ["--omp-nthreads", "0"],
        ["--nprocs", "0"],
        ["--nprocs", "2", "--dask-scheduler", "tcp://node:8786"],
        ["--dask-scheduler", "node:8786", "--dask-scheduler-file", "scheduler.json"],
        ["--dask-scheduler", "node"],
        ["--dask-scheduler", "inproc://node:1"],
        ["-d", "a=/x", "a=/y"],
        ["--modality", "meg"],
    ],
)
def test_usage_errors_are_64_and_one_line(bids, capsys, more):
    assert main([str(bids), str(bids.parent / "out"), "participant", *more]) == 64
    assert capsys.readouterr().err.count("\n") == 1


def test_filter_file(bids, tmp_path):
    path = tmp_path / "filter.json"
    path.write_text(json.dumps({"bold": {"run": 1}}))
    assert parse(bids, "--bids-filter-file", str(path)).query.filters == {"bold": {"run": 1}}
    path.write_text("[1]")
    with pytest.raises(UsageError, match="filter file"):
        parse(bids, "--bids-filter-file", str(path))


def test_missing_arguments_are_usage(capsys):
    assert main([]) == 64


def test_version(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert __version__ in capsys.readouterr().out


def test_no_such_bids_dir_is_66(tmp_path, capsys):
    assert main([str(tmp_path / "none"), str(tmp_path / "out"), "participant", "--analysis", "word-rate"]) == 66
    assert not (tmp_path / "out").exists()
