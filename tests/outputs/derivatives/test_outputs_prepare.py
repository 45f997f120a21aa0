"""The data set's own files: written once, refused for others, safe for two jobs."""

import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import pytest
import yaml
from synthetic_units import ANALYSIS, HASH, RESOLVED

from bids_app.errors import CannotCreate, UsageError
from bids_app.outputs import DataSetFacts, prepare, write_plan

SHARED = ("dataset_description.json", "README.md", ".bidsignore", "descriptions.tsv", "analysis.yaml")


def make(tmp_path, name="out", analysis_hash=HASH, datasets=None):
    out_dir = tmp_path / name
    analysis = replace(RESOLVED, hash=analysis_hash)
    prepare(out_dir, DataSetFacts(analysis, ANALYSIS, datasets or {"raw": tmp_path / "bids"}, "0.1.0"))
    return out_dir


def test_what_is_written(tmp_path):
    out_dir = make(tmp_path, datasets={"raw": tmp_path / "bids", "fmriprep": tmp_path / "bids/derivatives/fmriprep"})
    description = json.loads((out_dir / "dataset_description.json").read_text())
    assert description["DatasetType"] == "derivative"
    assert description["GeneratedBy"][0] | {"Name": "Concord", "Version": "0.1.0"} == description["GeneratedBy"][0]
    assert description["DatasetLinks"] == {"fmriprep": "../bids/derivatives/fmriprep", "raw": "../bids"}
    first, text = (out_dir / "analysis.yaml").read_text().split("\n", 1)
    assert first == f"# analysis hash: {HASH}"
    assert yaml.safe_load(text) == ANALYSIS
    rows = dict(line.split("\t") for line in (out_dir / "descriptions.tsv").read_text().splitlines())
    assert rows["desc-uniqueLowLevel"] == "what only low_level explains"
    assert rows["desc-speech"] == "the model with speech alone; in stimuli: features of the space speech"
    assert {"desc-full", "desc-sharedSpeechLanguage", "desc-acoustic", "desc-partition", "desc-lags"} <= set(rows)


def test_out_dir_inside_the_data_set_links_upwards(tmp_path):
    out_dir = make(tmp_path / "bids" / "derivatives", "concord", datasets={"raw": tmp_path / "bids"})
    assert json.loads((out_dir / "dataset_description.json").read_text())["DatasetLinks"] == {"raw": "../.."}


def test_a_second_time_touches_nothing(tmp_path):
    before = {name: (make(tmp_path) / name).stat().st_ino for name in SHARED}
    after = {name: (make(tmp_path) / name).stat().st_ino for name in SHARED}
    assert before == after


def test_links_of_an_earlier_run_stay(tmp_path):
    make(tmp_path, datasets={"a": tmp_path / "a"})
    out_dir = make(tmp_path, datasets={"b": tmp_path / "b"})
    assert json.loads((out_dir / "dataset_description.json").read_text())["DatasetLinks"] == {
        "a": "../a",
        "b": "../b",
    }


def test_another_analysis_is_refused_and_nothing_changes(tmp_path):
    out_dir = make(tmp_path)
    with pytest.raises(UsageError, match=r"another analysis \(0123456789abcdef, not fedc.*choose another OUT_DIR"):
        make(tmp_path, analysis_hash="fedc")
    assert HASH in (out_dir / "analysis.yaml").read_text()


@pytest.mark.parametrize("written", [None, 1, 3])
def test_files_of_another_format_are_refused_in_one_line_that_says_how_to_go_on(tmp_path, written):
    path = make(tmp_path) / "dataset_description.json"
    content = {key: value for key, value in json.loads(path.read_text()).items() if key != "OutputFormat"}
    path.write_text(json.dumps(content | ({} if written is None else {"OutputFormat": written})))
    before = path.read_text()
    what = (
        rf"another version of Concord \(files of format {written or 1}, not 2\): .*out \(choose a new one; --features"
    )
    with pytest.raises(UsageError, match=what) as caught:
        make(tmp_path)
    assert "\n" not in str(caught.value)
    assert path.read_text() == before


def test_a_run_that_was_killed_before_the_description_goes_on(tmp_path):
    path = make(tmp_path) / "dataset_description.json"
    path.unlink()
    assert make(tmp_path)
    assert json.loads(path.read_text())["OutputFormat"] == 2


def test_another_data_set_is_refused(tmp_path):
    other = tmp_path / "out" / "dataset_description.json"
    other.parent.mkdir()
    other.write_text('{"Name": "fMRIPrep"}')
    with pytest.raises(UsageError, match="another data set"):
        make(tmp_path)
    assert other.read_text() == '{"Name": "fMRIPrep"}'


def test_a_plan_alone_is_no_obstacle(tmp_path):
    write_plan(tmp_path / "out", {"units": []})
    assert (make(tmp_path) / "plan.json").exists()


def test_a_file_in_the_place_of_out_dir(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(CannotCreate, match="out"):
        make(tmp_path)


def _job(arguments):
    out_dir, number = arguments
    prepare(out_dir, DataSetFacts(RESOLVED, ANALYSIS, {f"d{number}": out_dir.parent / f"d{number}"}, "0.1.0"))


def test_jobs_at_the_same_time_lose_nothing(tmp_path):
    with ProcessPoolExecutor(4, get_context("spawn")) as pool:
        list(pool.map(_job, [(tmp_path / "out", number) for number in range(8)]))
    description = json.loads((tmp_path / "out" / "dataset_description.json").read_text())
    assert len(description["DatasetLinks"]) == 8
    assert not list((tmp_path / "out").glob(".*.part"))
