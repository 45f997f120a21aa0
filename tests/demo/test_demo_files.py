"""Features from files, truth in closed form: through the whole command line, and broken on purpose."""

import csv
import json

import file_demo
import numpy as np
import pytest
from acceptance import SPREAD, recovery

from bids_app.cli.concord import main
from bids_app.records import partition_components

TABLE = "sub-01/func/sub-01_task-story_seg-Toy_desc-partition_encoding.tsv"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return file_demo.make_file_demo(tmp_path_factory.mktemp("files"))


def recovered(bids, analysis, out):
    """{component: (n_targets,)} in the order of truth's targets."""
    assert main([str(bids), str(out), "participant", "--analysis", str(analysis)]) == 0
    with (out / TABLE).open(encoding="utf-8") as lines:
        rows = sorted(csv.DictReader(lines, delimiter="\t"), key=lambda row: int(row["name"][1:]))
    return {name: np.array([float(row[f"{name}_rsquared"]) for row in rows]) for name in file_demo.truth()}


def failures(found):
    """Components that miss the acceptance of the issue, in words."""
    lines = []
    for name, one in recovery(file_demo.truth(), found).items():
        spread = one.n > 2 and one.spread > SPREAD
        bad = one.error > one.error_allowed or one.noise > 0.01
        if bad or (spread and not (0.7 <= one.slope <= 1.1 and one.r >= 0.9)):
            lines.append(
                f"{name}: error {one.error:.3f}, slope {one.slope:.2f}, r {one.r:.2f}, noise {one.noise:.2f}"
            )
    return lines


def test_the_truth_adds_up():
    truth = file_demo.truth()
    parts = sum(truth[part.label] for part in partition_components(file_demo.SPACES) if part.is_part)
    np.testing.assert_allclose(parts, truth["full"])
    judged = [name for name, one in recovery(truth, truth).items() if one.n > 2 and one.spread > SPREAD]
    assert {"full", "one", "uniqueFour", "sharedOneTwo", "sharedTwoThreeFour"} <= set(judged)


def test_planted_truth_comes_back(study, tmp_path):
    assert failures(recovered(*study, tmp_path)) == []


@pytest.mark.long
@pytest.mark.parametrize("off_s", [-file_demo.TR, file_demo.TR])
def test_times_wrong_by_one_tr_do_not_pass(off_s, tmp_path):
    bids, analysis = file_demo.make_file_demo(tmp_path)
    for path in bids.rglob("*_timeseries.json"):
        sidecar = json.loads(path.read_text())
        path.write_text(json.dumps({**sidecar, "StartTime": sidecar["StartTime"] + off_s}))
    assert len(failures(recovered(bids, analysis, tmp_path / "out"))) > 1


@pytest.mark.long
def test_swapped_spaces_do_not_pass(study, tmp_path):
    bids, analysis = study
    text = analysis.read_text()
    for old, new in (("_one.npy", "_x.npy"), ("_three.npy", "_one.npy"), ("_x.npy", "_three.npy")):
        text = text.replace(old, new)
    (tmp_path / "swapped.yaml").write_text(text)
    lines = failures(recovered(bids, tmp_path / "swapped.yaml", tmp_path / "out"))
    assert {"uniqueOne", "uniqueThree", "sharedOneTwo", "sharedThreeFour"} <= {line.split(":")[0] for line in lines}


def test_all_zero_maps_do_not_pass():
    assert len(failures({name: np.zeros_like(values) for name, values in file_demo.truth().items()})) > 10


@pytest.mark.long
def test_changed_features_are_fitted_again_and_others_reused(tmp_path, capsys):
    bids, analysis = file_demo.make_file_demo(tmp_path)
    first = recovered(bids, analysis, tmp_path / "out")
    recovered(bids, analysis, tmp_path / "out")
    assert "reused" in capsys.readouterr().out
    path = bids / "stimuli" / "story1_one.npy"
    np.save(path, np.load(path)[::-1])
    changed = recovered(bids, analysis, tmp_path / "out")
    assert "reused" not in capsys.readouterr().out
    assert (changed["one"] != first["one"]).any()
