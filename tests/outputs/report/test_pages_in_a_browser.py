"""Reports in a real browser: silent, whole, alone, of bounded size, and readable for everybody."""

from dataclasses import replace

import pytest
from browser import CHROMIUM, axe_script, visit
from synthetic_units import GROUPS, MINUTE, all_kinds, make_unit, parcel_targets, with_inference, with_words
from written_units import read_units

from bids_app import group, outputs

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH: no page can be opened"),
]
MANY = 100
MOST_BYTES = {"participant": 3_000_000, "group": 10_000_000, "brain": 8_000_000}
PHONE = 500  # pixels: no narrower window is made
GRAVE = ("serious", "critical")


@pytest.fixture(scope="module")
def participant(tmp_path_factory):
    """Volumes, surfaces, parcels and electrodes of one participant, with and without words as rows, tested."""
    out_dir = tmp_path_factory.mktemp("one")
    *brains, electrodes = (replace(unit, minute=MINUTE) for unit in all_kinds())
    for unit in (*brains, with_words(electrodes)):
        outputs.write_unit(out_dir, with_inference(unit))
    (out_dir / "status.tsv").write_text("unit\tparticipant\tstatus\tseconds\tpeak_mb\treason\n")
    return outputs.write_participant_report(out_dir, "01", None)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """The group of a hundred participants' parcels."""
    out_dir, labels = tmp_path_factory.mktemp("many"), [f"{number:03d}" for number in range(1, MANY + 1)]
    status = "unit\tparticipant\tstatus\tseconds\tpeak_mb\treason\n"
    for seed, label in enumerate(labels):
        unit = make_unit(parcel_targets(), label, "task-story_seg-X", seed, GROUPS, (f"{seed} samples are doubtful",))
        outputs.write_unit(out_dir, with_inference(unit))
        status += f"{unit.stem}\tsub-{label}\tdone\t60.0\t900.0\tn/a\n"
    (out_dir / "status.tsv").write_text(status)
    units = read_units(out_dir, labels)
    outputs.write_group(out_dir, group.summarise(units), outputs.Membership(units), {})
    return outputs.write_group_report(out_dir)


@pytest.mark.parametrize("kind", ["participant", "many"])
@pytest.mark.parametrize("look", [{}, {"dark": True}, {"width": PHONE}], ids=["light", "dark", "phone"])
def test_a_page_opens_from_the_disk_and_needs_nothing(kind, look, request, tmp_path):
    page = request.getfixturevalue(kind)
    seen = visit(page, tmp_path, **look)
    assert seen.console == ()
    assert seen.requests == ()
    assert seen.images
    for source, width, alternative in seen.images:
        assert width > 0, source
        assert alternative, source
    assert seen.page_width <= seen.window_width  # wide tables are moved on their own


def test_a_brain_is_a_page_of_its_own(participant, tmp_path):
    pages = sorted((participant.parent / "sub-01" / "figures").glob("*_desc-brain_figure.html"))
    assert len(pages) == 3  # voxels, vertices, electrodes: parcels have no place
    for number, page in enumerate(pages):
        assert page.stat().st_size <= MOST_BYTES["brain"]
        folder = tmp_path / str(number)
        folder.mkdir()
        seen = visit(page, folder, axe=axe_script())
        assert seen.console == ()
        assert seen.requests == ()
        assert all(width > 0 for _, width, _ in seen.images)
        assert [one for one in seen.violations if one[0] in GRAVE] == []


@pytest.mark.parametrize("figures", ["*_space-fsaverage5_*", "*_res-2_*", "*_seg-*", "*_task-pooled_*"])
def test_a_participant_takes_little(participant, figures):
    """The page of four units with the figures of each: maps of noise, which nothing makes smaller."""
    assert size_of(participant, figures) <= MOST_BYTES["participant"]


def test_a_group_of_a_hundred_takes_little(many):
    assert size_of(many, "*") <= MOST_BYTES["group"]


def size_of(page, pattern):
    """Bytes of a page and of its figures of a pattern."""
    folder = page.parent / page.stem / "figures"
    return page.stat().st_size + sum(file.stat().st_size for file in folder.glob(pattern))


@pytest.mark.skipif(axe_script() is None, reason="no axe-core: `make test-long` fetches it where npm is there")
@pytest.mark.parametrize("kind", ["participant", "many"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_grave_stands_in_the_way_of_a_reader(kind, dark, request, tmp_path):
    seen = visit(request.getfixturevalue(kind), tmp_path, dark=dark, axe=axe_script())
    assert [one for one in seen.violations if one[0] in GRAVE] == []


def test_a_bad_page_is_seen(tmp_path):
    page = tmp_path / "bad.html"
    page.write_text(
        '<html lang="en"><head><title>t</title><link rel="stylesheet" href="http://a.example/s.css"></head><body>'
        '<img src="https://b.example/x.png" alt="a"><img src="gone.png" alt=""><div style="width: 3000px">a</div>'
        '<script>console.error("bad"); nothing();</script></body></html>'
    )
    seen = visit(page, tmp_path)
    assert len(seen.console) == 2
    assert set(seen.requests) == {"http://a.example/s.css", "https://b.example/x.png"}
    assert [width for _, width, _ in seen.images] == [0, 0]
    assert seen.page_width > seen.window_width


@pytest.mark.skipif(axe_script() is None, reason="no axe-core")
def test_axe_sees_what_is_wrong(tmp_path):
    page = tmp_path / "bad.html"
    page.write_text(
        '<html lang="en"><head><title>t</title></head><body><p style="color: #ddd">pale</p></body></html>'
    )
    seen = visit(page, tmp_path, axe=axe_script())
    assert ("serious", "color-contrast") in {one[:2] for one in seen.violations}
