"""An OUT_DIR of every kind of targets, opened: units, scores, maps, values; what is damaged or not one is refused."""

import dataclasses
import html
import json
import shutil

import nibabel
import numpy as np
import pandas as pd
import pytest
from cifti_files import dense_axis, targets_on
from quick_study import DERIVATIVES, make_quick_study, plain_brains, stem
from quick_study import concord as run_concord
from report_text import report_page
from synthetic_units import (
    ANALYSIS,
    HASH,
    RESOLVED,
    electrode_targets,
    make_unit,
    parcel_targets,
    surface_targets,
    volume_targets,
    with_inference,
)
from written_units import read_units

import bids_app as concord
from bids_app import group, outputs
from bids_app.records import Targets

PEOPLE = ("01", "02")
KINDS = {  # the unit's entities → what `map` gives of it
    "task-story_space-MNI152NLin2009cAsym": nibabel.Nifti1Image,
    "task-story_space-fsaverage5": nibabel.GiftiImage,
    "task-story_space-fsLR_den-91k": nibabel.Cifti2Image,
    "task-story_seg-Brennan10mm": pd.Series,
    "task-pooled": pd.Series,
    "task-story_space-MNI152Array": pd.Series,
}
VOLUME, SURFACE, DENSE, PARCELS, ELECTRODES, ARRAY = KINDS
NUMBER = "uniqueSpeech", "rsquared"


def targets_of(folder):
    columns = np.arange(12)
    array = Targets("array", "MNI152Array", tuple(map(str, columns)), None, (12,), columns=columns)
    made = (
        volume_targets((6, 6, 6), 30.0), surface_targets(12, "fsaverage5"),
        targets_on(folder, dense_axis(40, 30), "fsLR"), parcel_targets(), electrode_targets(8), array,
    )  # fmt: skip
    return dict(zip(KINDS, made, strict=True))


def units_of(folder, person, seed):
    return {rest: with_inference(make_unit(made, person, rest, seed)) for rest, made in targets_of(folder).items()}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """OUT_DIR, and the units of 02 before they were written."""
    folder = tmp_path_factory.mktemp("kinds")
    out_dir = folder / "out"
    outputs.prepare(out_dir, outputs.DataSetFacts(RESOLVED, ANALYSIS, {"raw": folder / "bids"}, "0.1.0"))
    for number, person in enumerate(PEOPLE):
        made = units_of(folder, person, number)
        for unit in made.values():
            outputs.write_unit(out_dir, unit)
    units = read_units(out_dir, PEOPLE)
    outputs.write_group(out_dir, group.summarise(units), outputs.Membership(units), {"AnalysisHash": HASH})
    return out_dir, made


@pytest.fixture(scope="module")
def results(written):
    return concord.open(written[0])


@pytest.fixture
def copied(written, tmp_path):
    shutil.copytree(written[0], tmp_path / "out")
    return tmp_path / "out"


def test_it_knows_who_and_what(results):
    assert results.participants == PEOPLE
    assert [unit.name for unit in results.units] == sorted(f"sub-{who}_{rest}" for who in PEOPLE for rest in KINDS)
    unit = next(one for one in results.units if one.name == f"sub-01_{SURFACE}")
    assert (unit.participant, unit.task, unit.session, unit.space) == ("01", "story", "", "fsaverage5")
    assert (unit.modality, unit.kind, unit.n_targets) == ("fmri", "surface", 24)
    assert unit.components[0] == "full"
    assert all(stats[0] == "rsquared" for label, stats in unit.numbers.items() if "rsquared" in stats)
    assert set(unit.numbers["uniqueSpeech"]) >= {"rsquared", "r", "p", "pfwe", "q", "ci025", "ci975"}
    assert "2 participants, 12 units" in repr(results)


def test_nothing_of_it_can_be_changed(results):
    with pytest.raises(dataclasses.FrozenInstanceError):
        results.out_dir = "other"
    with pytest.raises(TypeError):
        results.units[0].numbers["full"] = ()


@pytest.mark.parametrize("rest", KINDS)
def test_a_map_is_what_was_written(results, written, rest):
    made = written[1][rest]
    hemi = "R" if rest == SURFACE else None
    found = results.map("sub-02", *NUMBER, unit=f"sub-02_{rest}", hemi=hemi)
    assert type(found) is KINDS[rest]
    values = made.partition.values["uniqueSpeech"]["rsquared"]
    index = None if made.targets.index is None else np.asarray(made.targets.index)
    if rest == VOLUME:
        np.testing.assert_array_equal(found.affine, made.targets.affine)
        assert found.shape == made.targets.shape
        back = np.asarray(found.dataobj)[tuple(index.T)]
    elif rest == SURFACE:
        right = index[:, 0] == 1
        back, values = np.asarray(found.darrays[0].data)[index[right, 1]], values[right]
    elif rest == DENSE:
        assert found.header.get_axis(0).name.tolist() == ["uniqueSpeech"]
        back = np.asarray(found.dataobj)[0]
        assert found.header.get_axis(1) == dense_axis(40, 30)
    else:
        assert found.name == "uniqueSpeech_rsquared"
        assert list(found.index.astype(str)) == list(made.targets.names)
        back = found.to_numpy()
    np.testing.assert_allclose(back, values, rtol=1e-5)


@pytest.mark.parametrize("rest", KINDS)
def test_values_are_by_target(results, written, rest):
    made = written[1][rest]
    found = results.values("02", ["full", "uniqueSpeech"], unit=f"sub-02_{rest}")
    one = found[found.component == "uniqueSpeech"].set_index("target")
    values = pd.Series(made.partition.values["uniqueSpeech"]["ci975"], index=made.targets.names)
    np.testing.assert_allclose(one.ci975, values.loc[one.index], rtol=1e-5)
    assert len(one) >= len(values) - 1  # maps hold no row of a target that is not usable
    assert set(results.values("02", unit=f"sub-02_{rest}").component) >= {"full", "speech", "sharedSpeechLanguage"}


def test_scores_are_those_of_the_summaries(results, written):
    made = written[1]
    frame = results.scores()
    row = frame.query(
        f"unit == 'sub-02_{VOLUME}' and component == 'uniqueSpeech' and stat == 'rsquared' and targets == 'usable'"
    )
    values = made[VOLUME].partition.values["uniqueSpeech"]["rsquared"]
    assert row["mean"].item() == pytest.approx(np.nanmean(values), abs=1e-6)
    assert row["n"].item() == np.isfinite(values).sum()
    assert row["fraction_positive"].item() == pytest.approx((values > 0).sum() / np.isfinite(values).sum())
    assert row["fraction_pfwe"].item() == pytest.approx(1 / np.isfinite(values).sum())
    assert row["kind"].item() == "unique"
    keys = ["participant", "unit", "component", "stat", "targets"]
    assert not frame.duplicated(keys).any()
    assert set(frame.unit) == {unit.name for unit in results.units}


@pytest.mark.parametrize("rest", [VOLUME, PARCELS, ELECTRODES])
def test_what_is_over_participants_can_be_had(results, written, rest):
    """Means over participants; everybody's own electrodes."""
    each = [results.map(who, *NUMBER, unit=f"sub-{who}_{rest}") for who in PEOPLE]
    found = results.map("group", *NUMBER, unit=rest)
    if rest == ELECTRODES:
        np.testing.assert_allclose(found.loc["02"].to_numpy(), each[1].to_numpy(), rtol=1e-5)
        return
    values = [np.asarray(one.dataobj) if rest == VOLUME else one.to_numpy() for one in each]
    over = np.asarray(found.dataobj) if rest == VOLUME else found.to_numpy()
    everywhere = np.isfinite(values).all(axis=0)
    np.testing.assert_allclose(over[everywhere], np.mean(values, axis=0)[everywhere], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda one: one.map("03", *NUMBER), "no participant.*'03'.*there are 01, 02"),
        (lambda one: one.map("01", *NUMBER), f"6 units of 01.*sub-01_{ELECTRODES};"),
        (lambda one: one.map("01", *NUMBER, task="story"), "5 units of 01 with task story"),
        (lambda one: one.map("01", *NUMBER, task="rest"), "no units of 01 with task rest.*choose"),
        (lambda one: one.map("01", "uniqueSpeach", task="pooled"), "did you mean 'uniqueSpeech'"),
        (lambda one: one.map("01", "full", "R2", task="pooled"), "no stat of full.*'R2'.*rsquared"),
        (lambda one: one.map("01", *NUMBER, space="fsaverage5"), "no hemi.*there are L, R"),
        (lambda one: one.values("01", ["nothing"], task="pooled"), "no component.*'nothing'"),
        (lambda one: one.map("group", *NUMBER), "6 units of group"),
        (lambda one: one.findings("09"), "no participant"),
        (lambda one: one.features("story1", "speech"), "no stimulus with features"),
    ],
)  # fmt: skip
def test_what_is_not_there_or_not_one_names_the_choices(results, ask, words):
    with pytest.raises(concord.ConcordError, match=words) as caught:
        ask(results)
    assert caught.value.exit_code == 64
    assert "\n" not in str(caught.value)


# ------------------------------------------------------------------------------------------------ what is refused
def change(path):
    path.write_bytes(path.read_bytes()[:-1] + b"x")


def holder(out_dir, rest):
    """The file of 01 that holds the number, of a surface the left hemisphere's."""
    files = json.loads((out_dir / f"logs/sub-01_{rest}_unit.json").read_text())["files"]
    wanted = ("desc-uniqueSpeech_statmap", "desc-partition_") if rest != PARCELS else ("desc-partition_encoding.tsv",)
    return out_dir / next(one for one in files if not one.endswith(".json") and any(part in one for part in wanted))


@pytest.mark.parametrize("rest", KINDS)
@pytest.mark.parametrize("damage", [change, lambda path: path.unlink()], ids=["changed", "gone"])
def test_a_damaged_file_is_refused(copied, rest, damage):
    opened = concord.open(copied)
    damage(holder(copied, rest))
    with pytest.raises(concord.ConcordError, match=r"has changed since|is gone") as caught:
        opened.map("01", *NUMBER, unit=f"sub-01_{rest}", hemi="R" if rest == SURFACE else None)
    assert caught.value.exit_code == 74
    for ask in (lambda: opened.values("01", ["uniqueSpeech"], unit=f"sub-01_{rest}"), lambda: opened.findings("01")):
        with pytest.raises(concord.ConcordError, match=r"has changed since|is gone"):
            ask()
    assert opened.map("02", *NUMBER, unit=f"sub-02_{VOLUME}").shape == (6, 6, 6)  # others can be read


def test_a_damaged_summary_is_refused_at_once(copied):
    path = copied / f"logs/sub-01_{VOLUME}_unit.json"
    path.write_text(path.read_text().replace('"participant": "01"', '"participant": "02"'))
    with pytest.raises(concord.ConcordError, match=r"unit.json"):
        concord.open(copied)


def test_a_group_of_other_results_is_refused(copied):
    again = with_inference(make_unit(volume_targets((6, 6, 6), 30.0), "01", VOLUME, 7))
    outputs.write_unit(copied, again)
    opened = concord.open(copied)
    with pytest.raises(concord.ConcordError, match="run the group level again"):
        opened.map("group", *NUMBER, unit=VOLUME)
    assert opened.map("01", *NUMBER, unit=f"sub-01_{VOLUME}").shape == (6, 6, 6)


def test_an_out_dir_of_another_layout_is_refused(copied):
    path = copied / "dataset_description.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"OutputFormat": 1}))
    with pytest.raises(concord.ConcordError, match="another version of Concord"):
        concord.open(copied)


def test_several_models_say_which_to_open(copied, tmp_path):
    shutil.copytree(copied, tmp_path / "models" / "gpt2")
    with pytest.raises(concord.ConcordError, match=r"several models.*open one of gpt2"):
        concord.open(tmp_path / "models")


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_what_is_no_out_dir_is_said(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(concord.ConcordError, match="no results of Concord") as caught:
        concord.open(tmp_path / name)
    assert caught.value.exit_code == 66


# ------------------------------------------------------------------------------------------------ a study
@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = make_quick_study(tmp_path_factory.mktemp("study"))
    with plain_brains():
        assert run_concord(root, "participant", "group") == 0
    return root


def test_findings_are_the_sentences_of_the_report(study):
    page = html.unescape(report_page(study / "out/sub-02.html")).lower()
    found = concord.open(study / "out").findings()
    assert list(found.columns) == [
        "participant", "unit", "topic", "about", "finding", "value", "low", "high", "p", "n",
    ]  # fmt: skip
    own = found[found.participant == "02"]
    sentences = own[own.topic.isin(["baseline", "models", "warning"])].finding
    assert len(sentences) > 4
    for sentence in sentences:
        assert sentence.lower() in page
    assert found.participant.iloc[0] == "group"
    assert set(concord.open(study / "out").findings("group").participant) == {"group"}


def test_findings_have_the_numbers_of_the_tables(study):
    found = concord.open(study / "out").findings("02")
    table = pd.read_csv(study / f"out/sub-02/func/{stem('02')}_desc-findings_encoding.tsv", sep="\t", na_values="n/a")
    row = found[(found.topic == "statistic") & (found.about == "score: rate")].iloc[0]
    written = table[(table["kind"] == "score") & (table["name"] == "rate") & (table["targets"] == "all")].iloc[0]
    numbers = [written[column] for column in ("value", "ci025", "ci975")]
    assert [row.value, row.low, row.high] == pytest.approx(numbers, rel=1e-4)
    # nothing can be tested on two runs: no number of significant targets is given
    assert found[found.topic == "component"].finding.str.contains("not tested").all()
    assert concord.open(study / "out").scores().fraction_pfwe.isna().all()


def test_features_are_those_that_were_fitted(study):
    results = concord.open(study / "out")
    found = results.features("story1", "length")
    again = concord.extract(study / "bids/stimuli/story1.wav", "word_length")
    np.testing.assert_array_equal(found.values, again.values)
    np.testing.assert_array_equal(found.times_s, again.times_s)
    assert results.features("story1.wav", "length").provenance == found.provenance
    with pytest.raises(concord.ConcordError, match=r"no feature space of story1 is 'lenght'.*did you mean 'length'"):
        results.features("story1", "lenght")


def test_damaged_features_are_refused(study, tmp_path):
    shutil.copytree(study / "out", tmp_path / "out")
    change(tmp_path / "out/stimuli/stim-story1/stim-story1_desc-length_features.h5")
    with pytest.raises(concord.ConcordError, match="features have changed"):
        concord.open(tmp_path / "out").features("story1", "length")


def test_opening_writes_nothing(study):
    before = {path: path.stat().st_mtime_ns for path in (study / "out").rglob("*")}
    results = concord.open(study / "out")
    results.findings(), results.scores(), results.values("01"), results.map("group", "full")
    assert {path: path.stat().st_mtime_ns for path in (study / "out").rglob("*")} == before
    assert (study / DERIVATIVES).is_dir()
