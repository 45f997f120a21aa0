"""The reports as pages: what they say, that nothing of the data set becomes markup, and the same bytes twice."""

import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from synthetic_units import MNI, electrode_targets, make_unit, parcel_targets, volume_targets, with_inference
from written_units import read_units

from bids_app import group, outputs
from bids_app.errors import ReadWriteError
from bids_app.outputs.report.terms import TermLinks, as_code
from bids_app.outputs.wording.glossary import TERMS
from bids_app.records import AlignmentLine, Excluded, InferenceSpec, StimulusEvent

STATUS = "unit\tparticipant\tstatus\tseconds\tpeak_mb\treason\n"
EVIL = "<script>alert(1)</script>"
GROUPS = ("speech", "language")


def parcels(person="01", **changes):
    return replace(make_unit(parcel_targets(), person, "task-story_seg-Brennan10mm", groups=GROUPS), **changes)


def electrodes(person="01", names=None):
    return make_unit(electrode_targets(4, names), person, "task-pooled", groups=GROUPS)


def write(out_dir, *units, status=""):
    for unit in units:
        outputs.write_unit(out_dir, unit)
    (out_dir / "status.tsv").write_text(STATUS + status)


def page(out_dir, person="01", planted=None):
    outputs.write_participant_report(out_dir, person, planted)
    return (out_dir / f"sub-{person}.html").read_text(encoding="utf-8")


def sentences(text):
    """A page without its list of terms and the links to it."""
    return re.sub(r'<a class="term"[^>]*>([^<]*)</a>', r"\1", text.partition('<section id="terms">')[0])


class Tags(HTMLParser):
    """Tags that open and close in order, sources of pictures, targets of links, ids."""

    def __init__(self, text):
        super().__init__()
        self.open, self.names, self.attributes = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.attributes += attrs
        if tag not in {"meta", "img", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def values(self, name):
        return [value for key, value in self.attributes if key == name]


def test_a_report_is_whole(tmp_path):
    write(tmp_path, parcels(warnings=("runs differ in their masks",)), status="x\t01\tdone\t3.5\t812.0\tn/a\n")
    text = page(tmp_path)
    tags = Tags(text)
    assert tags.open == []
    assert "script" not in tags.names
    for source in tags.values("src"):
        assert (tmp_path / source).is_file(), source
        assert (tmp_path / source).parent == tmp_path / "sub-01" / "figures"
    assert {link[1:] for link in tags.values("href") if link.startswith("#")} <= set(tags.values("id"))
    assert not re.search(r"https?://", text)  # nothing is fetched
    figures = re.findall(r'<figure><img src="[^"]+" alt="([^"]+)"[^>]*><figcaption>(.+?)</figcaption></figure>', text)
    assert len(figures) == text.count("<figure>")
    for alternative, caption in figures:
        assert alternative
        assert re.sub(r"<[^>]+>", "", caption).endswith("."), caption
    for said in (
        "No inference was made", "runs differ in their masks", "events without stim_file", "Leakage audit",
        "sharedSpeechLanguage", "1.0% of the words end after the sound does", "812.0", "by inclusion–exclusion",
    ):  # fmt: skip
        assert said in sentences(text), said


def test_a_report_with_inference_counts_and_explains(tmp_path):
    write(tmp_path, with_inference(parcels()))
    text = page(tmp_path)
    assert Tags(text).open == []
    for said in (
        "family-wise p ≤ 0.05",
        "500 sign flips of blocks and of frequencies",
        "uniqueSpeech, pfwe",
        "max-T",
    ):
        assert said in sentences(text), said
    row = next(line for line in text.splitlines() if line.startswith("<tr><td>uniqueSpeech</td><td>R²</td>"))
    assert row.endswith('<td class="n">1</td><td class="n">1</td></tr>')
    assert "No inference was made" not in text


def test_untrained_models_are_named_and_only_then(tmp_path):
    write(tmp_path, parcels())
    assert "Untrained stand-in models" in sentences(page(tmp_path))
    assert "speech (stand-in/wav2vec2)" in page(tmp_path)
    unit = parcels()
    spaces = {name: replace(space, stand_in=False) for name, space in unit.provenance.spaces.items()}
    write(tmp_path, replace(unit, provenance=replace(unit.provenance, spaces=spaces)))
    assert "ntrained" not in sentences(page(tmp_path))


def test_what_a_data_set_says_is_text(tmp_path):
    unit = electrodes(names=(EVIL, "$x_{", "B&B", "c"))
    recording = replace(unit.recordings[0], stimuli=(StimulusEvent(0.0, EVIL, None),))
    account = unit.alignments[0]
    lines = (AlignmentLine("warning", "files", EVIL),)
    account = replace(account, lines=lines, playings=(replace(account.playings[0], stimulus=EVIL),))
    excluded = (replace(unit.excluded[0], reason=EVIL, label=EVIL),)
    unit = replace(unit, recordings=(recording,), alignments=(account,), excluded=excluded, warnings=(EVIL,))
    write(tmp_path, unit, status=f"{EVIL}\t01\tfailed\t1.0\t1.0\t{EVIL}\n")
    text = page(tmp_path)
    assert EVIL not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 5
    for figure in (tmp_path / "sub-01" / "figures").glob("*.svg"):
        assert "<script" not in figure.read_text(encoding="utf-8")


def test_nobody_fails_without_a_page(tmp_path):
    (tmp_path / "status.tsv").write_text(STATUS + "sub-03_task-story\t03\tfailed\t0.1\t9.0\tno stim_file\n")
    text = page(tmp_path, "03")
    assert "There are no results for sub-03" in text
    assert "no stim_file" in text
    assert Tags(text).open == []


def test_only_the_participants_own_rows(tmp_path):
    write(tmp_path, parcels(), parcels("02"), status="a_unit\t02\tfailed\t1\t1\tsecret reason\n")
    assert "secret reason" not in page(tmp_path)


def files_of(out_dir):
    return {path.relative_to(out_dir): path.read_bytes() for path in sorted(out_dir.rglob("*")) if path.is_file()}


def test_the_same_bytes_twice(tmp_path):
    written = []
    for name in ("a", "b"):
        out_dir = tmp_path / name
        out_dir.mkdir()
        write(out_dir, parcels(), electrodes())
        page(out_dir)
        written.append(files_of(out_dir))
    assert written[0] == written[1]
    assert any(path.suffix == ".svg" for path in written[0])


def test_durations_stand_in_one_section(tmp_path):
    write(tmp_path, parcels(), status="x\t01\tdone\t1.0\t100.0\tn/a\n")
    before = page(tmp_path)
    (tmp_path / "status.tsv").write_text(STATUS + "x\t01\tdone\t77.7\t999.9\tn/a\n")
    after = page(tmp_path)
    assert before != after
    assert before.partition('<section id="run">')[0] == after.partition('<section id="run">')[0]


def test_no_figure_stays_open(tmp_path):
    from matplotlib import pyplot

    write(tmp_path, electrodes())
    page(tmp_path)
    assert pyplot.get_fignums() == []


# ------------------------------------------------------------------------------------------------ planted
def truth_file(path, *units):
    rows = [
        f"sub-{unit.participant}\t{unit.modality}\t{unit.space}\t{target}\t{component}\t{value / 2:.6f}"
        for unit in units
        for component, stats in unit.partition.values.items()
        for target, value in zip(unit.targets.names, stats["rsquared"], strict=True)
        if np.isfinite(value)
    ]
    path.write_text("\n".join(["participant\tmodality\tspace\ttarget\tcomponent\trsquared", *rows]) + "\n")
    return path


def planted_row(text, component):
    table = text.partition("Recovered beside planted")[2].partition("</table>")[0]
    row = next(row for row in table.split("<tr>") if row.startswith(f"<td>{component}</td>"))
    return re.findall(r"<td[^>]*>([^<]*)</td>", row)


def test_recovered_beside_planted(tmp_path):
    unit = parcels()
    write(tmp_path, unit)
    assert "Recovered beside planted" not in page(tmp_path, planted=tmp_path / "absent.tsv")
    row = planted_row(page(tmp_path, planted=truth_file(tmp_path / "truth.tsv", unit)), "full")
    assert row[1] == "5"
    assert float(row[3]) == pytest.approx(2 * float(row[2]), abs=0.002)  # recovered is twice what the table says
    assert row[4:6] == ["–", "–"]  # too few targets for a slope


# ------------------------------------------------------------------------------------------------ group
def write_study(out_dir, participants=("01", "02"), missing=("09",), left_out=(), means=(), status=""):
    units = [
        unit for n, person in enumerate(participants)
        for unit in (
            make_unit(parcel_targets(), person, "task-story_seg-X", seed=n, groups=GROUPS),
            electrodes(person),
        )
    ]  # fmt: skip
    write(out_dir, *units, status=status)
    read = read_units(out_dir, participants)
    outputs.write_group(out_dir, group.summarise(read), outputs.Membership(read, left_out, missing, means), {})
    return units


def group_page(out_dir, planted=None):
    outputs.write_group_report(out_dir, planted)
    return (out_dir / "group.html").read_text(encoding="utf-8")


def test_the_group_names_who_is_there_and_who_is_missing(tmp_path):
    write_study(tmp_path, status=f"sub-09_x\t09\tfailed\t1\t1\t{EVIL} broken\n")
    text = group_page(tmp_path)
    tags = Tags(text)
    assert tags.open == []
    assert {"sub-01.html", "sub-02.html"} <= set(tags.values("href"))
    assert "sub-09: &lt;script&gt;alert(1)&lt;/script&gt; broken" in text
    assert "No inference was made" in text
    for source in tags.values("src"):
        assert (tmp_path / source).is_file()


def test_the_group_names_units_that_are_left_out_and_why(tmp_path):
    write_study(tmp_path, left_out=(Excluded("05", "sub-05_task-story_seg-X", f"damaged: {EVIL} is gone"),))
    text = group_page(tmp_path)
    assert Tags(text).open == []
    assert text.count("damaged: &lt;script&gt;alert(1)&lt;/script&gt; is gone") == 2  # at the top, and in the table
    assert "sub-05_task-story_seg-X" in text


def test_a_group_whose_files_changed_has_no_report(tmp_path):
    write_study(tmp_path)
    table = next((tmp_path / "group").glob("*_desc-partition_encoding.tsv"))
    text = table.read_text()
    table.write_text(text.replace("0.1", "0.9", 1))
    with pytest.raises(ReadWriteError, match=r"has changed since it was written.*run the group level again"):
        group_page(tmp_path)
    table.write_text(text)
    group_page(tmp_path)
    outputs.write_unit(tmp_path, make_unit(parcel_targets(), "01", "task-story_seg-X", seed=7, groups=GROUPS))
    with pytest.raises(ReadWriteError, match="the group level read other results of sub-01_task-story_seg-X"):
        group_page(tmp_path)


def test_a_figure_that_a_page_shows_no_more_is_removed_and_others_stay(tmp_path):
    write(tmp_path, parcels(), electrodes())
    page(tmp_path)
    folder = tmp_path / "sub-01/figures"
    before = {path.name for path in folder.iterdir()}
    (folder / "mine.png").write_bytes(b"mine")
    outputs.remove_unit(tmp_path, electrodes().stem)
    page(tmp_path)
    after = {path.name for path in folder.iterdir()}
    assert after < before | {"mine.png"}
    assert after - {"mine.png"} == {name for name in before if "seg-Brennan10mm" in name}
    assert "mine.png" in after


def test_the_group_pools_planted_targets_over_participants(tmp_path):
    units = write_study(tmp_path)
    text = group_page(tmp_path, truth_file(tmp_path / "truth.tsv", *units))
    assert "Recovered beside planted" in text
    row = planted_row(text, "full")
    assert row[1] == "10"
    assert float(row[3]) == pytest.approx(2 * float(row[2]), abs=0.002)


def test_the_mean_response_is_shown(tmp_path):
    mean = make_unit(parcel_targets(("onlyInTheMean", "b", "c")), "", "task-story_seg-X", groups=GROUPS)
    outputs.write_mean_response(tmp_path, mean, np.full(3, 2))
    write_study(tmp_path, means=("task-story_seg-X",))
    text = group_page(tmp_path)
    assert "<h2>Mean response, Brennan10mm: parcels</h2>" in text
    assert any("group/figures" in source for source in Tags(text).values("src"))


@pytest.mark.parametrize("space", [MNI, "ACPC"])
def test_electrodes_outside_mni_are_said_to_be(tmp_path, space):
    unit = electrodes()
    unit = replace(unit, space=space, targets=replace(unit.targets, space=space))
    write(tmp_path, unit)
    assert ("fits only roughly" in page(tmp_path)) == (space != MNI)


def test_reports_need_nothing_but_out_dir(tmp_path, monkeypatch):
    write(tmp_path, parcels())
    monkeypatch.chdir(Path("/"))
    assert "Brennan10mm" in page(tmp_path)


def test_one_space_has_no_parts_to_map(tmp_path):
    unit = make_unit(parcel_targets(), "01", "task-alice_seg-Brennan10mm", groups=("words",))
    write(tmp_path, replace(unit, fit=replace(unit.fit, delays_s=(4.0,), profile={})))
    text = page(tmp_path)
    assert "unions" not in sentences(text)
    figures = {path.stem.split("desc-")[1] for path in (tmp_path / "sub-01" / "figures").iterdir()}
    assert figures == {
        "table_figure",
        "components_figure",
        "hyperparameters_figure",
        "folds_figure",
    }  # no profile over a single delay


def test_stimuli_heard_again_are_in_the_audit(tmp_path):
    unit = parcels()
    write(tmp_path, unit)
    assert "story.wav (2 recordings)" in page(tmp_path)
    write(tmp_path, replace(unit, recordings=unit.recordings[:1]))
    assert "No stimulus is heard in several recordings" in page(tmp_path)


# ------------------------------------------------------------------------------------------------ terms
def test_terms_link_to_their_definitions_at_their_first_use(tmp_path):
    mean = with_inference(make_unit(parcel_targets(), "", "task-story_seg-X"))
    outputs.write_mean_response(tmp_path, mean, np.full(6, 2))
    write_study(tmp_path, means=(mean.stem,))
    for text in (page(tmp_path), group_page(tmp_path)):
        links = re.findall(r'<a class="term" href="#([^"]+)">([^<]+)</a>', text)
        anchors = [anchor for anchor, _ in links]
        assert len(anchors) == len(set(anchors))
        section = text.partition('<section id="terms">')[2]
        assert sorted(re.findall(r'<dt id="([^"]+)">', section)) == sorted(anchors)
        for name in ("R²", "full model", "noise ceiling", "outer fold", "held-out", "feature group"):
            assert TERMS[name].anchor in anchors, name
            assert as_code(TERMS[name].definition) in section
        assert "docs/glossary.md" in section
    assert {TERMS[name].anchor for name in ("unique part", "family-wise p", "q", "95 % confidence interval")} <= set(
        anchors
    )


def test_no_name_of_the_data_set_becomes_a_link():
    links = TermLinks()
    for name in ("uniqueSpeech", "desc-lags", "sub-target_run", "layer-3", "noise-ceiling.tsv", "a_fold"):
        assert links(name) == name
    assert links("Targets, then targets") == '<a class="term" href="#term-target">Targets</a>, then targets'
    assert links("<b>") == "&lt;b&gt;"


def test_methods_stand_beside_the_page_in_the_same_words(tmp_path):
    write(tmp_path, with_inference(parcels()))
    text = sentences(page(tmp_path))
    methods = (tmp_path / "sub-01_methods.md").read_text(encoding="utf-8")
    head, body = methods.split("## Brennan10mm: parcels\n\n")
    paragraphs, works = body.split("\n\n## References\n\n")
    assert "`references.bib`" in head
    for paragraph in paragraphs.split("\n\n"):
        assert paragraph in unescape(text), paragraph
    keys = re.findall(r"\(`(\w+)`\)$", works, re.MULTILINE)
    assert "freedman1983" in keys
    bibtex = (tmp_path / "references.bib").read_text(encoding="utf-8")
    for key in keys:
        assert f"{{{key}," in bibtex
    for line in works.splitlines():
        assert line.removeprefix("- ").rsplit(" (`", 1)[0] in unescape(text)


def test_who_has_no_results_has_no_methods(tmp_path):
    write(tmp_path, parcels())
    page(tmp_path)
    assert (tmp_path / "sub-01_methods.md").exists()
    outputs.remove_unit(tmp_path, parcels().stem)
    assert "There is none: no results count." in page(tmp_path)
    assert not (tmp_path / "sub-01_methods.md").exists()


def test_the_answer_comes_first(tmp_path):
    write(tmp_path, with_inference(parcels()))
    text = sentences(page(tmp_path))
    main = text.partition("<main>")[2]
    assert main.lstrip().startswith('<section id="answer"')
    answer = main.partition("</section>")[0]
    assert answer.count("<li>") >= 4
    assert "The model of speech and language together predicts 1 of 5 parcels" in answer
    assert "What stands against trusting it" in answer


def test_the_full_map_is_shown_thresholded_too_where_there_was_a_test(tmp_path):
    unit = electrodes()
    write(tmp_path, unit)
    assert "where it is significant" not in sentences(page(tmp_path))
    write(tmp_path, with_inference(unit))
    assert "the same where it is significant (family-wise p ≤ 0.05): 1 electrode." in sentences(page(tmp_path))
    assert 'alt="Maps of full, full, p ≤ 0.05"' in page(tmp_path)


def test_the_groups_full_map_is_shown_thresholded_where_there_was_a_test_over_participants(tmp_path):
    labels = [f"0{number}" for number in range(1, 7)]
    units = [
        with_inference(make_unit(volume_targets((6, 7, 5), 24.0), one, f"task-story_space-{MNI}", seed, GROUPS))
        for seed, one in enumerate(labels)
    ]
    write(tmp_path, *units)
    read = read_units(tmp_path, labels)
    results = group.summarise(read, InferenceSpec(permutations=64))
    outputs.write_group(tmp_path, results, outputs.Membership(read), {})
    text = sentences(group_page(tmp_path))
    assert "the same where it is significant over participants (family-wise p ≤ 0.05): " in text
    assert "Maps of the full model, and of it where p ≤ 0.05" in text
    assert text.count("nothing is thresholded") == 1  # of the parts
