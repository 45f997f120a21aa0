"""What is written and said of TFCE over participants: maps, their JSON, the page, its methods; why there is none."""

import json

import numpy as np
import pytest
from report_text import report_text
from synthetic_units import MNI, make_unit, parcel_targets, volume_targets, with_inference
from written_maps import definition_of, file_of, map_of, sidecar_of
from written_units import read_units

from bids_app import group, outputs
from bids_app.outputs.files.names import GROUP_SUMMARY
from bids_app.records import InferenceSpec
from bids_app.records.specs import GroupSpec

PEOPLE = ("01", "02", "03", "04", "05")
GROUPS = ("speech",)


def group_of(out_dir, targets, rest, tfce):
    """A group's files and page of five people."""
    for seed, one in enumerate(PEOPLE):
        outputs.write_unit(out_dir, with_inference(make_unit(targets, one, rest, seed, GROUPS)))
    (out_dir / "status.tsv").write_text("unit\tparticipant\tstatus\tseconds\tpeak_mb\treason\n")
    read = read_units(out_dir, PEOPLE)
    results = group.summarise(read, InferenceSpec(permutations=31), asked=GroupSpec(tfce=tfce))
    outputs.write_group(out_dir, results, outputs.Membership(read), {})
    outputs.write_group_report(out_dir)
    return results[0], report_text(out_dir / "group.html")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    out_dir = tmp_path_factory.mktemp("tfce")
    return out_dir, *group_of(out_dir, volume_targets((5, 6, 5), 24.0), f"task-story_space-{MNI}", True)


def test_p_by_tfce_is_a_map_whose_json_says_how_it_was_made(study):
    out_dir, result, _ = study
    folder = out_dir / f"tpl-{MNI}"
    p, by_max = map_of(folder, "full", "pfweTfce"), map_of(folder, "full", "pfwe")
    expected = result.values["full"]["rsquared"]["pfweTfce"]
    np.testing.assert_allclose(p[tuple(result.targets.index.T)], expected, rtol=1e-6)
    assert np.isfinite(p[np.isfinite(by_max)]).all()
    assert (np.nanmin(p), np.nanmax(p)) >= (1 / 32, 0)
    facts = sidecar_of(file_of(folder, "full", "pfweTfce")[0])["TFCE"]
    assert facts.pop("Software").startswith("mne 1.")
    assert facts == {
        "ExtentPower": 0.5, "HeightPower": 2.0, "Step": 0.1, "Neighbours": "voxels with a side in common",
        "SignVectors": 32,
    }  # fmt: skip
    words = definition_of(folder, "full", "pfweTfce")
    assert "Smith & Nichols 2009" in words
    assert "e^0.5 · h^2" in words
    assert "edges of what is significant are not those of the effect" in words


def test_the_page_shows_and_counts_it_beside_max_t_and_its_methods_cite_it(study):
    out_dir, result, text = study
    n = int((result.values["full"]["rsquared"]["pfweTfce"] <= 0.05).sum())
    assert n > 0
    assert f"(family-wise p ≤ 0.05; by TFCE in {n})" in text
    assert f"the last row by TFCE: {n} voxels" in text
    assert "by TFCE ≤ 0.05" in text
    assert "The last three columns count targets." in text
    methods = (out_dir / "group_methods.md").read_text()
    assert "threshold-free cluster enhancement (TFCE; Smith and Nichols, 2009)" in methods
    assert "10.1016/j.neuroimage.2008.03.061" in methods
    assert "smith2009" in (out_dir / "references.bib").read_text()
    assert json.loads((out_dir / GROUP_SUMMARY).read_text())["groups"][0]["enhanced"]["full"] == n


def test_where_it_was_not_asked_for_nothing_is_said_and_of_parcels_why_there_is_none(tmp_path):
    _, text = group_of(tmp_path / "parcels", parcel_targets(), "task-story_seg-X", True)
    line = (
        "No family-wise p by TFCE, which was asked for: TFCE is made of voxels, and of vertices of fsaverage's meshes"
    )
    assert f"{line}: of parcels there is none." in text
    result, text = group_of(tmp_path / "plain", volume_targets((5, 6, 5), 24.0), f"task-story_space-{MNI}", False)
    assert "pfweTfce" not in result.values["full"]["rsquared"]
    assert "TFCE" not in text.partition("Terms")[0]
