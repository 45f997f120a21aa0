"""Rows of a response on its scan's grid: after whatever was dropped, a click stays at its time, or is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bids_trees import confounds, describe, events, parcels, write, write_json, write_tsv
from hypothesis import given
from hypothesis import strategies as st

from bids_app.dataset import find_recordings, load_response, load_targets
from bids_app.dataset.responses.placement import DropEvidence, place
from bids_app.errors import DataError
from bids_app.records import RecordingQuery, Response, ResponseSpec

STEM, N, TR, CLICK = "sub-01_task-story", 24, 2.0, 15
SCRUB, FIRST = "NumberOfVolumesDiscardedByMotionScrubbing", "NumberOfVolumesDiscardedByNonsteadyStatesDetector"


# ------------------------------------------------------------------------------------------------ pure
@given(st.lists(st.booleans(), min_size=3, max_size=40).filter(any))
def test_whatever_a_mask_drops_the_rest_stays_where_it_was(kept: list[bool]) -> None:
    scan = np.arange(len(kept), dtype=float)[:, None]
    mask = np.array(kept)
    for evidence in (
        DropEvidence(TR, kept=mask),
        DropEvidence(TR, outliers=~mask),
        DropEvidence(TR, n_raw=len(kept), kept=np.flatnonzero(mask)),
    ):
        placed = place(int(mask.sum()), evidence)
        full = placed.expand(scan[mask])
        there = np.isfinite(full[:, 0])
        assert placed.n_scan == len(full) == len(kept)
        assert np.array_equal(there, mask)
        assert np.array_equal(full[there], scan[mask])
        assert not placed.censored.any()
        whole = place(len(kept), evidence)
        assert np.array_equal(~whole.censored, mask)
        assert whole.n_dropped == 0


@given(st.integers(1, 30), st.integers(0, 6), st.integers(-3, 6))
def test_first_samples_are_placed_or_refused_never_shifted(n_rows: int, first: int, more: int) -> None:
    """The scan has `first + more` samples more than the response; `first` are said to be unsteady."""
    n_raw = n_rows + first + more
    try:
        placed = place(n_rows, DropEvidence(TR, n_raw=n_raw, counts={FIRST: first} if first else {}))
    except DataError:
        assert more
        return
    assert n_raw == n_rows or more == 0
    assert placed.rows.tolist() == list(range(n_raw - n_rows, n_raw))


@pytest.mark.parametrize(
    ("evidence", "n_rows", "first_row", "n_scan"),
    [
        (DropEvidence(TR), 20, 0, 20),
        (DropEvidence(TR, n_raw=24, n_unsteady=4), 20, 4, 24),
        (DropEvidence(TR, n_confounds=24, n_unsteady=4), 20, 4, 24),
        (DropEvidence(TR, start_s=8.9, n_raw=24), 20, 0, 20),  # StartTime counts them already
        (DropEvidence(TR, start_s=8.9, n_raw=24, counts={FIRST: 4}), 20, 0, 20),
        (DropEvidence(TR, start_s=0.9, n_raw=24, counts={FIRST: 4}), 20, 4, 24),
        (DropEvidence(TR, counts={"DummyScans": 4}), 20, 4, 24),
        (DropEvidence(TR, n_confounds=20, counts={FIRST: 4}), 20, 4, 24),  # confounds were cut with the response
        (DropEvidence(TR, n_raw=20, counts={SCRUB: 4}), 20, 0, 20),  # HALFpipe: counted, yet there
        (DropEvidence(1.0, n_raw=10, raw_interval_s=2.0), 20, 0, 20),  # resampled
        (DropEvidence(TR, n_raw=24, stated_onset=True), 20, 0, 20),  # a recipe's onset is on the response's clock
        (DropEvidence(TR, n_raw=24, outliers=np.zeros(20, bool), n_unsteady=4), 20, 4, 24),
        (DropEvidence(TR, n_raw=24, outliers=np.arange(20) == 3, counts={"DummyScans": 4}), 19, 4, 24),
    ],
)
def test_places(evidence: DropEvidence, n_rows: int, first_row: int, n_scan: int) -> None:
    placed = place(n_rows, evidence)
    assert (placed.rows[0], placed.n_scan) == (first_row, n_scan)


@pytest.mark.parametrize(
    ("evidence", "told"),
    [
        (DropEvidence(TR, n_raw=24), "the raw file has 24 samples, the response 20: nothing says which"),
        (DropEvidence(TR, n_raw=24, n_unsteady=3), "nothing says which"),
        (DropEvidence(TR, n_raw=18), "the response has 20 samples, the raw file only 18"),
        (DropEvidence(TR, counts={SCRUB: 2}), f"nothing says which ({SCRUB} 2)"),
        (DropEvidence(TR, n_raw=24, counts={FIRST: 3}), "the scan 24, and the sidecar says"),
        (DropEvidence(TR, outliers=np.arange(24) < 3), "outliers.tsv keeps 21 of 24 samples, the response has 20"),
        (DropEvidence(TR, n_raw=24, outliers=np.arange(20) < 0), "0 of them said to be dummies"),
        (DropEvidence(TR, n_raw=30, kept=np.ones(24, bool)), "sample_mask is of 24 samples, the scan of 30"),
        (DropEvidence(TR, kept=np.arange(22)), "sample_mask keeps 22 of 22 samples, the response has 20"),
    ],
)
def test_refuses(evidence: DropEvidence, told: str) -> None:
    with pytest.raises(DataError) as caught:
        place(20, evidence)
    assert told in str(caught.value)


# ------------------------------------------------------------------------------------------------ from files
def read(root: Path) -> Response:
    (recording,) = find_recordings(RecordingQuery(bids_dir=root, out_dir=root.parent / "out")).recordings
    return load_response(recording, load_targets(recording), ResponseSpec(confounds="none", high_pass_s=None))


def dataset(root: Path, kept: np.ndarray, meta: dict[str, Any] | None = None) -> Path:
    """Parcels of a run of N volumes with a click at volume CLICK, of which those not `kept` were dropped."""
    describe(root)
    describe(root / "derivatives/xcp", derivative=True)
    events(root)
    path = parcels(root / "derivatives/xcp", STEM, meta={"RepetitionTime": TR, "StartTime": 0.0} | (meta or {}))
    click = (np.arange(N) == CLICK).astype(float)
    write_tsv(path, {"LH_Vis": click[kept].tolist(), "RH_Aud": np.ones(kept.sum()).tolist()})
    return root / "derivatives/xcp/sub-01/func"


def click_time(response: Response) -> float:
    assert np.allclose(np.diff(response.times_s), TR)
    return float(response.times_s[np.nanargmax(response.values[:, 0])])


KEPT = ~np.isin(np.arange(N), [0, 1, 6, 7, 12])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("outliers.tsv", "framewise_displacement\n" + "".join(f"{1 - kept:d}\n" for kept in KEPT)),
        ("outliers.tsv", "framewise_displacement\texact_9\n" + "".join(f"{1 - kept:.1f}\t1\n" for kept in KEPT)),
        ("sample_mask.tsv", "kept\n" + "".join(f"{kept}\n" for kept in KEPT)),
        ("sample_mask.txt", " ".join(map(str, np.flatnonzero(KEPT)))),
        ("desc-scrub_samplemask.csv", "volume\n" + "\n".join(map(str, np.flatnonzero(KEPT)))),
    ],
)
def test_a_click_after_dropped_volumes_stays_at_its_time(tmp_path: Path, name: str, text: str) -> None:
    folder = dataset(tmp_path / "b", KEPT)
    with pytest.raises(AssertionError):  # without the file nothing can know
        assert click_time(read(tmp_path / "b")) == CLICK * TR
    write(folder / f"{STEM}_{name}", text)
    response = read(tmp_path / "b")
    assert click_time(response) == CLICK * TR
    assert np.array_equal(response.valid, KEPT)
    assert len(response.values) == N


def test_a_mask_in_the_sidecar_or_as_an_array(tmp_path: Path) -> None:
    folder = dataset(tmp_path / "b", KEPT, {"SampleMask": np.flatnonzero(KEPT).tolist()})
    assert click_time(read(tmp_path / "b")) == CLICK * TR
    dataset(tmp_path / "c", KEPT)
    np.save(tmp_path / "c" / folder.relative_to(tmp_path / "b") / f"{STEM}_sample_mask.npy", KEPT)
    assert click_time(read(tmp_path / "c")) == CLICK * TR


def test_volume_times_with_holes_place_them(tmp_path: Path) -> None:
    kept = ~np.isin(np.arange(N), [6, 7, 12])
    times = (np.arange(N) * TR)[kept].tolist()
    dataset(tmp_path / "b", kept, {"VolumeTiming": times})
    assert click_time(read(tmp_path / "b")) == CLICK * TR


def test_first_volumes_by_the_sidecar_or_the_confounds(tmp_path: Path) -> None:
    kept = np.arange(N) >= 3
    dataset(tmp_path / "b", kept, {FIRST: 3, SCRUB: 0})
    assert click_time(read(tmp_path / "b")) == CLICK * TR
    dataset(tmp_path / "c", kept)
    one_hot = {f"non_steady_state_outlier0{at}": (np.arange(N) == at).astype(int).tolist() for at in range(3)}
    confounds(tmp_path / "c/derivatives/xcp", STEM, N, **one_hot)
    response = read(tmp_path / "c")
    assert click_time(response) == CLICK * TR
    assert np.array_equal(response.valid, kept)


def test_censored_volumes_that_are_there_are_not_valid(tmp_path: Path) -> None:
    folder = dataset(tmp_path / "b", np.ones(N, dtype=bool))
    write(folder / f"{STEM}_outliers.tsv", "framewise_displacement\n" + "".join(f"{1 - kept:d}\n" for kept in KEPT))
    response = read(tmp_path / "b")
    assert click_time(response) == CLICK * TR
    assert np.array_equal(response.valid, KEPT)


@pytest.mark.parametrize("n_rows", [N, KEPT.sum()])
def test_confounds_of_the_scan_or_of_the_response(tmp_path: Path, n_rows: int) -> None:
    folder = dataset(tmp_path / "b", KEPT)
    write(folder / f"{STEM}_outliers.tsv", "framewise_displacement\n" + "".join(f"{1 - kept:d}\n" for kept in KEPT))
    confounds(tmp_path / "b/derivatives/xcp", STEM, N)
    table = folder / f"{STEM}_desc-confounds_timeseries.tsv"
    lines = table.read_text().splitlines(keepends=True)
    if n_rows < N:
        table.write_text(lines[0] + "".join(line for line, kept in zip(lines[1:], KEPT, strict=True) if kept))
    (recording,) = find_recordings(RecordingQuery(bids_dir=tmp_path / "b", out_dir=tmp_path / "out")).recordings
    response = load_response(recording, load_targets(recording), ResponseSpec(confounds="motion", high_pass_s=None))
    assert response.nuisance.shape == (N, 6)
    assert response.nuisance[CLICK, 0] == float(lines[1 + CLICK].split("\t")[0])
    assert response.warnings == ()


def test_scrubbed_volumes_that_nothing_places_are_refused_with_what_to_do(tmp_path: Path) -> None:
    dataset(tmp_path / "b", KEPT, {SCRUB: 3, FIRST: 2})
    with pytest.raises(DataError, match=r"nothing says which .*outliers\.tsv"):
        read(tmp_path / "b")


def test_a_raw_file_that_is_longer_is_refused_and_one_that_was_not_fetched_costs_nothing(tmp_path: Path) -> None:
    import nibabel

    root = tmp_path / "b"
    dataset(root, KEPT)
    raw = root / f"sub-01/func/{STEM}_bold.nii.gz"
    write(raw, "/annex/objects/MD5E-s1--0.nii.gz\n")
    assert len(read(root).values) == KEPT.sum()
    nibabel.save(nibabel.Nifti1Image(np.zeros((2, 2, 2, N), np.uint8), np.eye(4)), raw)
    with pytest.raises(DataError, match="the raw file has 24 samples, the response 19"):
        read(root)


def test_counts_that_only_repeat_the_raw_sidecar_are_no_news(tmp_path: Path) -> None:
    root = tmp_path / "b"
    dataset(root, np.ones(N, dtype=bool), {"NumberOfVolumesDiscardedByScanner": 3, "NumberOfVolumesDiscardedX": 2})
    write_json(root / f"sub-01/func/{STEM}_bold.json", {"RepetitionTime": TR, "NumberOfVolumesDiscardedX": 2})
    assert click_time(read(root)) == CLICK * TR
