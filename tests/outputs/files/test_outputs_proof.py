"""A unit proves itself: whatever file of whatever kind is changed, cut, emptied or gone, it is seen and named."""

import json
import os
import shutil
import time
from dataclasses import replace

import numpy as np
import pytest
from synthetic_units import MNI, all_kinds, make_unit, parcel_targets, volume_targets
from written_units import read_units

from bids_app import group, outputs
from bids_app.disk.owners import FOREIGN_S, own_token
from bids_app.errors import CannotCreate
from bids_app.outputs.files import file_set, names
from bids_app.outputs.files.proof import proof_of
from bids_app.outputs.files.serialise import PROOF, hash_of
from bids_app.records import SUMMARY_FORMAT, Effort, Targets


def unit_of_array(person="01"):
    targets = Targets("array", "MNI152Array", tuple("0123456"), None, (7,), columns=np.arange(7))
    return make_unit(targets, person, "task-story_space-MNI152Array")


def of_every_kind(person="01"):
    return (*all_kinds(person), unit_of_array(person))


def files_of(out_dir, unit):
    return json.loads(outputs.summary_path(out_dir, unit.stem).read_text())["files"]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out_dir = tmp_path_factory.mktemp("written")
    for person in ("01", "02"):
        for unit in of_every_kind(person):
            outputs.write_unit(out_dir, unit, Effort(12.5, 300.0))
    return out_dir


@pytest.mark.parametrize("unit", of_every_kind(), ids=lambda unit: unit.targets.kind)
def test_a_unit_lists_all_that_was_written_of_it(written, unit):
    mine = {
        path.relative_to(written).as_posix()
        for path in (written / "sub-01").rglob("*")
        if path.is_file() and names.may_be_of(path.relative_to(written).as_posix(), names.summary_file(unit.stem))
    }
    others = {file for one in of_every_kind() if one.stem != unit.stem for file in files_of(written, one)}
    assert {*files_of(written, unit)} == mine - others
    assert {path.name for path in (written / "logs").iterdir()} == {
        f"{one.stem}_unit.json" for person in ("01", "02") for one in of_every_kind(person)
    }


@pytest.mark.parametrize("unit", of_every_kind(), ids=lambda unit: unit.targets.kind)
def test_every_file_is_missed_and_seen_to_change(written, unit):
    assert outputs.prove_unit(written, unit.stem).state == "whole"
    for file in files_of(written, unit):
        path = written / file
        content, other = path.read_bytes(), written / file.replace("sub-01", "sub-02")
        middle = len(content) // 2
        changes = {
            "a bit": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
            "cut": content[:-1],
            "longer": content + b"\n",
            "empty": b"",
            "another person's": other.read_bytes(),
        }
        for name, changed in changes.items():
            path.write_bytes(changed)
            proof = outputs.prove_unit(written, unit.stem)
            same = changed == content  # of one seed, where a JSON says nothing of whose it is
            expected = ("whole", "") if same else ("damaged", f"{file} has changed since it was written")
            assert (proof.state, proof.reason) == expected, name
        path.unlink()
        proof = outputs.prove_unit(written, unit.stem)
        assert (proof.state, proof.reason) == ("damaged", f"{file} is gone")
        path.mkdir()
        assert "cannot be read" in outputs.prove_unit(written, unit.stem).reason
        path.rmdir()
        path.write_bytes(content)
    assert outputs.prove_unit(written, unit.stem).state == "whole"


def edited(content, **changes):
    """A summary that somebody changed, who knew how its hash is made."""
    content = {key: value for key, value in content.items() if key != PROOF} | changes
    return json.dumps(content | {PROOF: hash_of(content)})


SUMMARIES = {
    "gone": (lambda _: None, "absent", "there are no results yet"),
    "empty": (lambda _: "", "damaged", "is not what was written (cannot read)"),
    "cut": (lambda text: text[:-20], "damaged", "is not what was written (cannot read)"),
    "a list": (lambda _: "[]", "damaged", "is not what was written (not a JSON object)"),
    "a number": (lambda text: text.replace('"n_positive": ', '"n_positive": 1', 1), "damaged", "changed since"),
    "a hash": (lambda text: text.replace('"sub-01/func', '"sub-01/fun', 1), "damaged", "changed since"),
    "no hash": (lambda text: edit(text, PROOF), "damaged", "changed since"),
    "of before": (lambda text: edited(json.loads(text), format=8), "outdated", f"(format 8, not {SUMMARY_FORMAT})"),
    "of later": (lambda text: edited(json.loads(text), format=99), "outdated", "(format 99,"),
    "no format": (lambda text: edit(text, "format"), "outdated", "(format none,"),
    "another unit's": (lambda text: edited(json.loads(text), stem="sub-02_x"), "damaged", "the results of sub-02_x"),
    "another person's": (lambda text: edited(json.loads(text), participant="02"), "damaged", "the results of"),
}


def edit(text, key):
    content = json.loads(text)
    del content[key]
    return json.dumps(content)


@pytest.mark.parametrize("case", SUMMARIES)
def test_a_summary_proves_itself(tmp_path, case):
    unit = make_unit(parcel_targets(), "01", "task-story_seg-X")
    outputs.write_unit(tmp_path, unit)
    change, state, reason = SUMMARIES[case]
    path = outputs.summary_path(tmp_path, unit.stem)
    changed = change(path.read_text())
    path.unlink() if changed is None else path.write_text(changed)
    proof = outputs.prove_unit(tmp_path, unit.stem)
    assert proof.state == state
    assert reason in proof.reason
    assert proof.summary is None
    assert "\n" not in proof.reason
    outputs.write_unit(tmp_path, unit)
    assert outputs.prove_unit(tmp_path, unit.stem).state == "whole"


def test_what_a_fit_took_is_kept_and_is_no_part_of_its_proof(tmp_path):
    unit = make_unit(parcel_targets(), "01", "task-story_seg-X")
    proofs = []
    for seconds in (1.5, 99.0):
        outputs.write_unit(tmp_path, unit, Effort(seconds, 10.0))
        summary = outputs.prove_unit(tmp_path, unit.stem).summary
        assert summary.effort == Effort(seconds, 10.0)
        proofs.append(proof_of(summary))
    assert proofs[0] == proofs[1]


# ------------------------------------------------------------------------------------------------ written anew
def tree(out_dir):
    return {path.relative_to(out_dir).as_posix() for path in out_dir.rglob("*") if path.is_file()}


def without_r(unit):
    values = {label: {"rsquared": stats["rsquared"]} for label, stats in unit.partition.values.items()}
    return replace(unit, partition=replace(unit.partition, values=values))


@pytest.mark.parametrize("old", ["whole", "edited", "of before"])
def test_files_that_are_no_more_are_removed_and_others_stay(tmp_path, old):
    unit = make_unit(volume_targets(), "01", f"task-story_space-{MNI}")
    outputs.write_unit(tmp_path / "fresh", without_r(unit))
    outputs.write_unit(tmp_path / "out", unit)
    path = outputs.summary_path(tmp_path / "out", unit.stem)
    if old == "edited":
        path.write_text(path.read_text().replace('"n_positive": ', '"n_positive": 1', 1))
    if old == "of before":  # its files were a list
        content = json.loads(path.read_text())
        path.write_text(json.dumps({**content, "format": 8, "files": [*content["files"]]}))
    mine = tmp_path / "out/sub-01/func/mine_statmap.nii.gz"
    mine.write_bytes(b"mine")
    assert tree(tmp_path / "out") - tree(tmp_path / "fresh") > {"sub-01/func/mine_statmap.nii.gz"}
    outputs.write_unit(tmp_path / "out", without_r(unit))
    assert tree(tmp_path / "out") - tree(tmp_path / "fresh") == {"sub-01/func/mine_statmap.nii.gz"}


@pytest.mark.parametrize(
    "listed", ["../secret_statmap.nii.gz", "/etc/x_statmap.nii.gz", "sub-02/func/sub-02_x_statmap.nii.gz",
               "sub-01/notes.txt", "dataset_description.json", "sub-01/../sub-02/func/sub-02_x_statmap.nii.gz"],
)  # fmt: skip
def test_a_summary_that_lies_removes_nothing_of_others(tmp_path, listed):
    unit = make_unit(parcel_targets(), "01", "task-story_seg-X")
    out_dir = tmp_path / "out"
    outputs.write_unit(out_dir, unit)
    path = outputs.summary_path(out_dir, unit.stem)
    path.write_text(edited(json.loads(path.read_text()), files={listed: "0"}))
    assert not names.may_be_of(listed, names.summary_file(unit.stem))
    if not listed.startswith("/"):
        (out_dir / listed).parent.mkdir(parents=True, exist_ok=True)
        (out_dir / listed).write_text("precious")
    outputs.write_unit(out_dir, unit)
    assert listed.startswith("/") or (out_dir / listed).read_text() == "precious"


def test_another_units_summary_in_its_place_removes_nothing_of_that_one(tmp_path):
    one, other = (make_unit(parcel_targets(), "01", f"task-{task}_seg-X") for task in ("a", "b"))
    for unit in (one, other):
        outputs.write_unit(tmp_path, unit)
    shutil.copy(outputs.summary_path(tmp_path, other.stem), outputs.summary_path(tmp_path, one.stem))
    outputs.remove_unit(tmp_path, one.stem)
    assert outputs.prove_unit(tmp_path, other.stem).state == "whole"


def test_a_removed_unit_leaves_nothing_but_what_others_share(tmp_path):
    parcels, electrodes = (unit for unit in all_kinds() if unit.targets.kind in ("electrodes", "parcels"))
    outputs.write_unit(tmp_path, parcels)
    before = tree(tmp_path)
    outputs.write_unit(tmp_path, electrodes)
    assert tree(tmp_path) > before
    outputs.remove_unit(tmp_path, electrodes.stem)
    assert tree(tmp_path) == before
    assert not (tmp_path / "sub-01/ieeg").exists()
    outputs.remove_unit(tmp_path, electrodes.stem)  # nothing to remove
    assert tree(tmp_path) == before


def stop_at(monkeypatch, step, number):
    """Stop at the nth call of a step of writing, as a process that is killed does."""
    calls, original = [], getattr(file_set, step)

    def stopping(*arguments):
        calls.append(arguments)
        if len(calls) == number:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(file_set, step, stopping)


STEPS = [("write_text", 1), ("write_bytes", 1), ("write_bytes", 4), ("_remove", 1), ("write_text", 2)]


@pytest.mark.parametrize(("step", "number"), STEPS)
@pytest.mark.parametrize("again", ["the same", "fewer files", "removed"])
def test_wherever_it_is_stopped_the_next_run_leaves_what_an_undisturbed_one_does(
    tmp_path, monkeypatch, step, number, again
):
    unit = make_unit(volume_targets(), "01", f"task-story_space-{MNI}")
    out_dir = tmp_path / "out"
    outputs.write_unit(out_dir, without_r(unit))
    stop_at(monkeypatch, step, number)
    with pytest.raises(KeyboardInterrupt):
        outputs.write_unit(out_dir, unit)
    monkeypatch.undo()
    assert outputs.prove_unit(out_dir, unit.stem).state in ("absent", "whole")
    outputs.recover_all(out_dir)
    assert not list((out_dir / "logs").glob("*_files.txt"))
    if again == "removed":
        outputs.remove_unit(out_dir, unit.stem)
        assert {name for name in tree(out_dir) if not name.endswith(".lock")} == set()
        return
    result = unit if again == "the same" else without_r(unit)
    outputs.write_unit(out_dir, result)
    outputs.write_unit(tmp_path / "fresh", result)
    assert {name for name in tree(out_dir) if not name.endswith(".lock")} == tree(tmp_path / "fresh")


@pytest.mark.parametrize(
    ("holder", "age_s", "is_recovered"),
    [
        ("", 0, True),
        (own_token().rpartition("-")[0] + "-1", 0, True),
        ("ffffffff-1-1", 0, False),
        ("ffffffff-1-1", FOREIGN_S - 60, False),
        ("ffffffff-1-1", FOREIGN_S + 60, True),
    ],
    ids=["free", "dead", "elsewhere", "elsewhere, nearly a day", "elsewhere, a day"],
)
def test_a_unit_that_another_machine_may_be_at_is_left_alone_for_a_day(
    tmp_path, monkeypatch, holder, age_s, is_recovered
):
    """Its lock is free here, as on a disk whose locks are of one machine alone."""
    unit = make_unit(parcel_targets(), "01", "task-story_seg-X")
    stop_at(monkeypatch, "write_bytes", 2)
    with pytest.raises(KeyboardInterrupt):
        outputs.write_unit(tmp_path, unit)
    monkeypatch.undo()
    lock = outputs.lock_path(tmp_path, "01")
    lock.write_text(f"1\nelsewhere\n{holder}\n" if holder else "")
    os.utime(lock, (time.time() - age_s,) * 2)
    before = tree(tmp_path)
    outputs.recover_all(tmp_path)
    assert (tree(tmp_path) != before) is is_recovered
    assert (not list((tmp_path / "logs").glob("*_files.txt"))) is is_recovered


def test_a_list_beside_a_whole_unit_goes_and_its_files_stay(tmp_path):
    """Killed between the last two steps."""
    unit = make_unit(parcel_targets(), "01", "task-story_seg-X")
    outputs.write_unit(tmp_path, unit)
    journal = tmp_path / names.journal_of(names.summary_file(unit.stem))
    journal.write_text("".join(f"{file}\n" for file in files_of(tmp_path, unit)))
    outputs.recover_all(tmp_path)
    assert not journal.exists()
    assert outputs.prove_unit(tmp_path, unit.stem).state == "whole"


def test_a_full_disk_leaves_no_summary_and_is_one_line(tmp_path, monkeypatch):
    unit = make_unit(volume_targets(), "01", f"task-story_space-{MNI}")
    outputs.write_unit(tmp_path, unit)
    before = tree(tmp_path)

    def full(part, path):
        if path.name.endswith("stat-r_statmap.nii.gz"):
            raise OSError(28, "No space left on device")
        part.replace(path)

    monkeypatch.setattr("bids_app.disk.replace.rename", full)
    with pytest.raises(CannotCreate, match="No space left"):
        outputs.write_unit(tmp_path, unit)
    assert outputs.prove_unit(tmp_path, unit.stem).reason == "it was not finished"
    assert not list(tmp_path.rglob("*.part"))
    monkeypatch.undo()
    outputs.write_unit(tmp_path, unit)
    assert tree(tmp_path) == before


def test_a_group_of_fewer_removes_what_it_does_not_make(tmp_path):
    """Maps of p, a mean response and ceilings of an earlier group level must not be read as this one's."""
    people = ("01", "02")
    for person in people:
        outputs.write_unit(tmp_path, make_unit(volume_targets(), person, f"task-story_space-{MNI}"))
    units = read_units(tmp_path, people)
    before = tree(tmp_path)
    (result,) = group.summarise(units)
    more = {label: {**stats, "r": stats["rsquared"]} for label, stats in result.values.items()}
    outputs.write_mean_response(tmp_path, make_unit(parcel_targets(), "", "task-story_seg-X"), np.full(6, 2))
    whose = outputs.Membership(units, means=("task-story_seg-X",))
    outputs.write_group(tmp_path, [replace(result, values=more)], whose, {})
    assert list(tmp_path.glob("group/*meanResponse*"))
    outputs.write_group(tmp_path, [result], outputs.Membership(units), {})
    alone = tree(tmp_path)
    assert not list(tmp_path.glob("group/*meanResponse*"))
    outputs.write_group(tmp_path, [], outputs.Membership(), {})
    assert tree(tmp_path) == before | {"logs/group.json"}
    outputs.write_group(tmp_path, [result], outputs.Membership(units), {})
    assert tree(tmp_path) == alone
