"""Alice in Wonderland (Brennan et al. 2016): what the data's README says a correct analysis finds."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from report_text import report_text
from scipy.stats import ttest_1samp

from bids_app.cli.concord import main

DATA = Path(os.environ.get("CONCORD_REALDATA", Path(__file__).parents[3] / "shared" / "data"))
ALICE = DATA / "alice"
REGIONS = ("LATL", "RATL", "LPTL", "LIPL", "LPreM", "LIFG")
EXPECTED_R = (0.22, 0.18, 0.29, 0.38, 0.38, 0.20)

pytestmark = [
    pytest.mark.long,
    pytest.mark.realdata,
    pytest.mark.skipif(not ALICE.is_dir(), reason=f"the real data are not at {DATA}"),
]


def snapshot(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def table(path):
    with path.open() as lines:
        return {row["name"]: row for row in csv.DictReader(lines, delimiter="\t")}


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    out = tmp_path_factory.mktemp("alice") / "out"
    before = snapshot(ALICE)
    roi = ALICE / "derivatives" / "roi"
    code = main(
        [
            str(ALICE),
            str(out),
            "participant",
            "group",
            "-d",
            str(roi),
            "--space",
            "Brennan10mm",
            "--analysis",
            "word-rate",
        ]
    )
    assert snapshot(ALICE) == before
    assert code == 1  # sub-33's file is all zeros
    return out


def test_28_people_run_and_sub_33_costs_nobody_else(out):
    with (out / "status.tsv").open() as lines:
        rows = [row for row in csv.DictReader(lines, delimiter="\t") if row["participant"] not in ("group", "n/a")]
    assert len(rows) == 28
    failed = [row for row in rows if row["status"] != "done"]
    assert [row["participant"] for row in failed] == ["33"]
    assert "varies" in failed[0]["reason"]


def test_the_mean_response_follows_the_word_rate(out):
    rows = table(next((out / "group").glob("*desc-meanResponse_encoding.tsv")))
    r = [float(rows[region]["full_r"]) for region in REGIONS]
    np.testing.assert_allclose(r, EXPECTED_R, atol=0.05)


def test_the_baseline_is_not_the_analysis_of_word_rate(out):
    """Word rate is part of the baseline itself, so nothing is compared with it; its results are as without one."""
    rows = table(next((out / "group").glob("*desc-meanResponse_encoding.tsv")))
    assert all(float(rows[region]["baseline_r"]) > 0.1 for region in REGIONS)
    assert not any("BeyondBaseline" in column for column in rows["LATL"])
    text = report_text(out / "group.html")
    assert "The baseline is word rate, envelope and position in the story" in text
    assert "word_rate is part of the baseline itself" in text


def test_single_people_are_small_and_positive(out):
    r = [
        float(row["full_r"])
        for path in sorted(out.glob("sub-*/func/*_desc-partition_encoding.tsv"))
        for row in table(path).values()
    ]
    assert len(r) == 27 * 6
    assert 0.02 < np.mean(r) < 0.12


def test_regions_are_found_over_people_by_correlations_where_rsquared_finds_none(out):
    """Fisher's z of r over 27 people has these t; R² lies below zero in half of the regions."""
    people = [table(path) for path in sorted(out.glob("sub-*/func/*_desc-partition_encoding.tsv"))]
    r, rsquared = (
        np.array([[float(rows[region][f"full_{stat}"]) for region in REGIONS] for rows in people])
        for stat in ("r", "rsquared")
    )
    np.testing.assert_allclose(ttest_1samp(np.arctanh(r), 0).statistic, (3.0, 2.1, 4.3, 3.9, 4.7, 1.0), atol=0.2)
    assert (ttest_1samp(rsquared, 0, alternative="greater").pvalue > 0.05).all()
    rows = table(next((out / "group").glob("*desc-partition_encoding.tsv")))
    assert all(float(rows[region]["full_rsquared_pfwe"]) < 0.05 for region in ("LIPL", "LPreM"))
    assert float(rows["LIFG"]["full_rsquared_p"]) > 0.05
    assert all(float(rows[region]["full_rsquared_ci025"]) < 0 for region in REGIONS)


def test_the_negative_onset_is_honoured(out):
    (sidecar,) = out.glob("sub-18/func/*_desc-partition_encoding.json")
    assert json.loads(sidecar.read_text())["Sources"]
    unit = json.loads(next((out / "logs").glob("sub-18*_unit.json")).read_text())
    used, total = next(iter(unit["provenance"]["samples"].values()))
    assert (used, total) == (351, 362)  # the first word at 0.06 s, then 20 s left out
