"""Pauses, bad spans and the power line stand in the account of a recording before anything is read."""

import pytest
from bids_trees import write
from edf_files import write_edf
from test_dataset_signals import STARTS_S, brainvision, channels, click, recording_of, study

from bids_app.dataset import with_electrodes
from bids_app.records import Alignment, PlayingAlignment, ResponseSpec, StartAccount

SPEC = ResponseSpec(rate_hz=100.0, band_hz=(70.0, 150.0))


def playing(onset_s=1.0, event_s=5.0):
    return PlayingAlignment("story.wav", onset_s, 1, None, event_s, None, 1.0, 0, None, None, 0, 1)


def account(root, one=None):
    recording = recording_of(root)
    bare = Alignment(recording.label, (), (), StartAccount(0.0, "first sample"), (one or playing(),), ())
    return with_electrodes(bare, recording, SPEC)


def test_pauses_and_bad_spans_of_an_edf(tmp_path):
    root = tmp_path / "bids"
    stem = study(root, sidecar={"PowerLineFrequency": "60"})
    wave = click(6.25)
    write_edf(stem.with_suffix(".edf"), channels(wave, wave, wave), "EDF+D", STARTS_S, [(11.5, 0.5, "BAD_x")])
    write(
        root / "sub-01/ieeg/sub-01_task-story_events.tsv",
        "onset\tduration\ttrial_type\tstim_file\n1\t5\tstory\tstory.wav\n5\t0.5\tartifact\tn/a\n",
    )
    found = account(root)
    assert [(one.source, one.spans_s) for one in found.gaps] == [("pauses of the file", ((2.0, 2.5), (7.5, 2.5)))]
    assert {one.source: one.spans_s for one in found.bad_spans} == {
        "file": ((11.5, 0.5),),
        "events.tsv": ((5.0, 0.5),),
    }
    assert found.line_hz == 60
    assert any("2 pauses, the first of 2.500 s after 2.000 s" in text for text in found.of("warning"))
    assert any("one bad span (events.tsv), 0.5 s in all" in text for text in found.of("fine"))
    assert not found.of("refusal")


@pytest.mark.parametrize(("onset_s", "refused"), [(1.0, True), (4.0, False), (-2.0, False)])
def test_a_playing_across_a_pause_of_unknown_length_is_refused(tmp_path, onset_s, refused):
    brainvision(study(tmp_path / "bids").with_suffix(".vhdr"), click(6.25), [(1024, "")])  # after 4 s
    found = account(tmp_path / "bids", playing(onset_s, 4.0))
    assert bool(found.of("refusal")) == refused
    assert any("a pause of unknown length after 4.000 s" in text for text in found.of("warning"))
