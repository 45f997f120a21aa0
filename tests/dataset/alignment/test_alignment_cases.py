"""THE test of time: a click and a word whose times are known, through every path that was met in published data sets.

Each comes out within the limits of `thresholds.py`, is warned of, or is refused: never wrong in silence.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alignment_scenes import (
    BOLD,
    CLICK_S,
    IEEG_CLICK_S,
    IEEG_EVENTS,
    IEEG_STEM,
    ONSET_S,
    PREP,
    SOUND_S,
    STEM,
    Change,
    N,
    bold,
    edit,
    events,
    fmri_scene,
    ieeg_scene,
    ieeg_sidecar,
    outcome,
    raw_bold,
    raw_sidecar,
    sidecar,
    sound,
    surfaces,
    words,
)
from bids_trees import confounds, ieeg_tables, write, write_tsv

from bids_app.dataset.alignment.thresholds import limits

FINE, WARNED, REFUSED = "fine", "warning", "refusal"
KEPT = ~np.isin(np.arange(N), [0, 1, 40, 41, 90])
FIRST_FOUR = np.arange(N) >= 4
SCRUB, STEADY = "NumberOfVolumesDiscardedByMotionScrubbing", "NumberOfVolumesDiscardedByNonsteadyStatesDetector"
VOLUME_TIMES = [2.0 * at for at in range(N)]


def both(*changes: Change) -> Change:
    return lambda root: [change(root) for change in changes]


def outliers(root: Path) -> None:
    rows = "".join(f"{1 - kept:d}\n" for kept in KEPT)
    write(root / f"{PREP}/sub-01/func/{STEM}_outliers.tsv", "framewise_displacement\n" + rows)


def unsteady(root: Path, n: int = 4) -> None:
    marks = {f"non_steady_state_outlier0{at}": [int(row == at) for row in range(N)] for at in range(n)}
    confounds(root / PREP, STEM, N, **marks)


def bare(root: Path) -> None:
    (root / f"{BOLD}.json").unlink()
    (root / f"sub-01/func/{STEM}_bold.json").unlink()


def gifti(meta: dict[str, str] | None = None, json: Any = None) -> Change:
    return lambda root: surfaces(root, meta, json)


def textgrid(root: Path, shift: float = 0.0) -> None:
    (root / "stimuli/story.tsv").unlink()
    onsets = np.arange(2.0, 378.0, 2.0) + shift
    rows = "\n".join(f'{onset}\n{onset + 0.5}\n"w{round(onset - shift)}"' for onset in onsets)
    head = f'File type = "ooTextFile"\nObject class = "TextGrid"\n\n{shift}\n{SOUND_S + shift}\n<exists>\n1\n'
    tier = f'"IntervalTier"\n"words"\n{shift}\n{SOUND_S + shift}\n{len(onsets)}\n{rows}\n'
    write(root / "stimuli/story.TextGrid", head + tier)


# ------------------------------------------------------------------------------------------------ fMRI: the samples
CLOCK: dict[str, tuple[Change, str, str]] = {
    "nothing is wrong": (lambda root: None, FINE, ""),
    "TR 2.0 in the JSON, 1.985 in the header": (lambda root: bold(root, 1.985), REFUSED, "3.00 s apart at the end"),
    "TR of the raw sidecar is another": (
        lambda root: raw_sidecar(root, RepetitionTime=1.985),
        REFUSED, "raw sidecar",
    ),
    "TR of the raw header is another": (lambda root: raw_bold(root, N, 1.99), REFUSED, "raw header"),
    "drift of 0.6 s over the run": (lambda root: bold(root, 2.003), WARNED, "0.60 s apart"),
    "rounding of a TR": (lambda root: bold(root, 2.0004), FINE, ""),
    "TR as a text": (lambda root: sidecar(root, RepetitionTime="2.0"), WARNED, "is a text"),
    "TR in milliseconds": (lambda root: sidecar(root, RepetitionTime=2000), WARNED, "milliseconds"),
    "TR of 45 s": (both(bare, lambda root: sidecar(root, RepetitionTime=75)), REFUSED, "apart at the end"),
    "header TR 0": (lambda root: bold(root, 0), FINE, ""),
    "header TR 1": (lambda root: bold(root, 1), FINE, ""),
    "header TR without a unit": (lambda root: bold(root, 3.7, "unknown"), FINE, ""),
    "header TR in milliseconds": (lambda root: bold(root, 2000, "msec"), FINE, ""),
    "header TR in milliseconds, said to be seconds": (lambda root: bold(root, 2000), FINE, ""),
    "header alone": (bare, WARNED, "taken from the image's header"),
    "header alone, TR 1": (both(bare, lambda root: bold(root, 1)), REFUSED, "RepetitionTime is in no sidecar"),
    "header alone, no unit": (both(bare, lambda root: bold(root, 2, "unknown")), REFUSED, "in no sidecar"),
    "rate as SamplingFrequency": (lambda root: sidecar(root, SamplingFrequency=0.5), FINE, ""),
    "rate in seconds": (lambda root: sidecar(root, RepetitionTime=None, SamplingFrequency=2.0), REFUSED, "apart"),
    "XCP-D's rate 'TR'": (lambda root: sidecar(root, SamplingFrequency="TR"), FINE, ""),
    "VolumeTiming of the raw file": (lambda root: raw_sidecar(root, VolumeTiming=VOLUME_TIMES), FINE, ""),
    "VolumeTiming that is another": (
        lambda root: raw_sidecar(root, VolumeTiming=[1.99 * at for at in range(N)]), REFUSED, "VolumeTiming",
    ),
    "VolumeTiming that is uneven": (
        lambda root: raw_sidecar(root, VolumeTiming=[2.0 * at + 0.7 * (at % 3 == 1) for at in range(N)]),
        REFUSED, "not even",
    ),
    "VolumeTiming with holes": (
        both(lambda root: bold(root, kept=KEPT),
             lambda root: sidecar(root, VolumeTiming=list(np.array(VOLUME_TIMES)[KEPT] - 4.0), StartTime=4.0)),
        WARNED, "placed by VolumeTiming",
    ),
    "GIFTI without JSON beside a volume with one": (gifti(), WARNED, "is taken from the same run's"),
    "GIFTI with TR alone": (gifti(json={"RepetitionTime": 2.0}), WARNED, "is taken from the same run's"),
    "GIFTI whose TimeStep is another": (gifti({"TimeStep": "1985.0"}), REFUSED, "by the header"),
    "GIFTI whose TimeStep is the same": (
        gifti({"TimeStep": "2000.0"}, {"RepetitionTime": 2.0, "StartTime": 0}),
        FINE, "",
    ),
    "GIFTI whose JSON is another than the volume's": (
        gifti(json={"RepetitionTime": 1.985, "StartTime": 0, "SliceTimingCorrected": False}), REFUSED, "apart",
    ),
    # ------------------------------------------------------------------------------------ time of sample 0
    "StartTime as a text": (lambda root: sidecar(root, StartTime="0.0"), WARNED, "StartTime is a text"),
    "StartTime in milliseconds": (lambda root: sidecar(root, StartTime=975), REFUSED, "milliseconds"),
    "StartTime before everything": (lambda root: sidecar(root, StartTime=-500.0), REFUSED, "correct StartTime"),
    "StartTime of a scan cut at its start": (
        both(lambda root: bold(root, kept=FIRST_FOUR), lambda root: sidecar(root, StartTime=8.0),
             lambda root: raw_bold(root, N)),
        WARNED, "4.0 TR after",
    ),
    # ------------------------------------------------------------------------------------ samples that are missing
    "XCP-D dropped volumes": (
        both(lambda root: bold(root, kept=KEPT), outliers),
        WARNED, "5 of 200 samples are missing",
    ),
    "XCP-D kept them": (outliers, WARNED, "5 of 200 samples are censored"),
    "outliers of another run": (
        both(lambda root: bold(root, kept=FIRST_FOUR), outliers),
        REFUSED, "outliers.tsv keeps",
    ),
    "giga_connectome dropped the first": (
        both(lambda root: bold(root, kept=FIRST_FOUR), lambda root: sidecar(root, **{STEADY: 4, SCRUB: 0})),
        WARNED, "4 of 200 samples are missing",
    ),
    "giga_connectome scrubbed": (
        both(lambda root: bold(root, kept=KEPT), lambda root: sidecar(root, **{STEADY: 2, SCRUB: 3})),
        REFUSED, "nothing says which",
    ),
    "giga_connectome scrubbed, with a mask": (
        both(lambda root: bold(root, kept=KEPT),
             lambda root: sidecar(root, sample_mask=np.flatnonzero(KEPT).tolist(), **{SCRUB: 5})),
        WARNED, "placed by sample_mask",
    ),
    "counts that do not fit": (
        both(lambda root: bold(root, kept=FIRST_FOUR), lambda root: sidecar(root, **{STEADY: 3}),
             lambda root: raw_bold(root, N)),
        REFUSED, "the sidecar says",
    ),
    "unsteady volumes dropped": (
        both(lambda root: bold(root, kept=FIRST_FOUR), unsteady),
        WARNED, "the first volumes",
    ),
    "shorter than the raw file": (
        both(lambda root: bold(root, kept=FIRST_FOUR), lambda root: raw_bold(root, N)), REFUSED, "nothing says which",
    ),
    "longer than the raw file": (lambda root: raw_bold(root, N - 4), REFUSED, "the raw file only 196"),
    "confounds longer than the response": (
        lambda root: confounds(root / PREP, STEM, N + 7), REFUSED, "the confounds have 207 samples",
    ),
    "confounds that were cut": (lambda root: confounds(root / PREP, STEM, N - 7), WARNED, "confounds 386 s"),
}  # fmt: skip

# ------------------------------------------------------------------------------------------------ playings and words
PLAYINGS: dict[str, tuple[Change, str, str]] = {
    "two rows of one file are one playing": (
        lambda root: events(root, [ONSET_S, ONSET_S + 15], [13, SOUND_S - 15]), FINE, "",
    ),
    "whole seconds": (both(lambda root: sound(root, SOUND_S + 0.4)), FINE, ""),
    "a player 0.5 % slow": (lambda root: events(root, [ONSET_S], [SOUND_S * 1.005]), REFUSED, "played slower"),
    "a player 0.5 % fast": (lambda root: events(root, [ONSET_S], [SOUND_S * 0.995]), WARNED, "played faster"),
    "a player 0.1 % slow": (lambda root: events(root, [ONSET_S], [SOUND_S * 1.001]), WARNED, "played slower"),
    "a wav whose header has half the rate": (lambda root: sound(root, 2 * SOUND_S), REFUSED, "wrong rate"),
    "a wav whose header has twice the rate": (lambda root: sound(root, SOUND_S / 2), REFUSED, ""),
    "an event that was cut short": (
        lambda root: events(root, [ONSET_S], [300.0]),
        WARNED, "of the words end after the event",
    ),
    "a stimulus that goes on after the scan": (lambda root: events(root, [150.0], [SOUND_S]), WARNED, "lies within"),
    "a sound that begins before the scan": (lambda root: events(root, [-10.0], [SOUND_S]), FINE, ""),
    "a stimulus after the scan": (lambda root: events(root, [500.0], [SOUND_S]), REFUSED, "no stimulus lies within"),
    "onsets in milliseconds": (lambda root: events(root, [10000.0], [380000]), REFUSED, "not in seconds"),
    "one onset that cannot be read": (
        lambda root: events(root, [ONSET_S, "x"], [SOUND_S, 5], stim_file=["story.wav", "other.wav"]),
        WARNED, "onset",
    ),
    "word times in milliseconds": (lambda root: words(root, lambda s: s * 1000), WARNED, "milliseconds"),
    "word times in minutes": (lambda root: words(root, lambda s: s / 60), REFUSED, "times are no seconds"),
    "word times within utterances": (lambda root: words(root, lambda s: s % 10), REFUSED, "utterance"),
    "word times on a clock 2 % slow": (
        lambda root: words(root, lambda s: s * 1.02),
        WARNED, "end after the sound does",
    ),
    "word times on a clock 5 % slow": (lambda root: words(root, lambda s: s * 1.05), REFUSED, "another clock"),
    "word times that begin 20 s late": (lambda root: words(root, lambda s: s + 20), REFUSED, "another clock"),
    "a last word that ends after the sound": (
        both(lambda root: sound(root, 376.3), lambda root: events(root, [ONSET_S], ["n/a"])),
        WARNED, "end after the sound",
    ),
    "a TextGrid": (textgrid, FINE, ""),
    "a TextGrid of a stretch (xmin 30)": (lambda root: textgrid(root, 30.0), WARNED, "30 s were subtracted"),
    "a TextGrid of another sound (xmin 100)": (
        both(lambda root: textgrid(root, 100.0), lambda root: sound(root, 440.0),
             lambda root: events(root, [0], ["n/a"])),
        REFUSED, "neither do times count",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CLOCK | PLAYINGS)
def test_fmri(tmp_path: Path, case: str) -> None:
    change, severity, told = (CLOCK | PLAYINGS)[case]
    root = fmri_scene(tmp_path / "b")
    change(root)
    found = outcome(root)
    assert (found.severity, found.said) == (severity, found.said)
    assert told in found.said
    if severity == REFUSED:
        return
    assert found.click_s is not None
    assert abs(found.click_s - CLICK_S) <= limits("fmri", 2.0).refuse_s
    if case in CLOCK or "word" in case or "TextGrid" in case:
        assert found.word_s is not None
        assert abs(found.word_s - CLICK_S) <= (6.0 if "2 % slow" in case else 1e-6)  # told, and left as it is


# ------------------------------------------------------------------------------------------------ iEEG
def marks(onset: Callable[[np.ndarray], np.ndarray], off: float = 0.0) -> Change:
    """Ten events a few seconds apart, beside the samples at which they were recorded."""
    true = np.linspace(5.0, 50.0, 10)
    times = onset(true.copy())
    times[4] += off
    columns = {"onset": times, "duration": [50.0] + [0] * 9, "stim_file": ["story.wav"] + ["n/a"] * 9}
    return lambda root: write_tsv(root / IEEG_EVENTS, columns | {"sample": (true * 256).round().astype(int)})


def three(lasts: float) -> Change:
    """Three playings of a sound of 15 s."""
    columns = {"onset": [0, 20, 40], "duration": [lasts] * 3, "stim_file": ["a.wav", "b.wav", "c.wav"]}

    def change(root: Path) -> None:
        for name in "abc":
            sound(root, 15.0)
            (root / "stimuli/story.wav").rename(root / f"stimuli/{name}.wav")
        write_tsv(root / IEEG_EVENTS, columns)

    return change


def vhdr(rate_us: float) -> Change:
    def change(root: Path) -> None:
        header = root / f"{PREP}/sub-01/ieeg/{IEEG_STEM}_ieeg.vhdr"
        edit(header, "SamplingInterval=3906.25", f"SamplingInterval={rate_us}")

    return change


def raw_channels(rate: float) -> Change:
    columns = {"name": ["A1", "A2", "A3"], "type": ["SEEG"] * 3, "sampling_frequency": [rate] * 3}
    return lambda root: write_tsv(root / "sub-01/ieeg/sub-01_task-story_channels.tsv", columns)


def bad_row(root: Path) -> None:
    columns = {"onset": [5.0, 20.0], "duration": [50.0, 4.0], "trial_type": ["story", "bad"]}
    write_tsv(root / IEEG_EVENTS, columns | {"stim_file": ["story.wav", "n/a"]})


IEEG: dict[str, tuple[Change, str, str]] = {
    "nothing is wrong": (ieeg_tables, FINE, ""),
    "sidecar 0.5 % off": (
        lambda root: ieeg_sidecar(root, SamplingFrequency=257.28),
        REFUSED, "sidecar SamplingFrequency",
    ),
    "raw sidecar 0.5 % off": (
        lambda root: ieeg_sidecar(root, True, SamplingFrequency=257.28),
        REFUSED, "raw sidecar",
    ),
    "raw sidecar of another rate": (lambda root: ieeg_sidecar(root, True, SamplingFrequency=2048), FINE, ""),
    "channels.tsv 0.5 % off": (raw_channels(257.28), REFUSED, "channels.tsv"),
    "channels.tsv 0.05 % off": (raw_channels(256.13), WARNED, "channels.tsv"),
    "a duration that is 0.5 % off": (
        lambda root: ieeg_sidecar(root, RecordingDuration=60.3),
        REFUSED, "RecordingDuration",
    ),
    "a duration": (lambda root: ieeg_sidecar(root, RecordingDuration=60.0), FINE, ""),
    "shorter than the raw file": (
        lambda root: ieeg_sidecar(root, True, RecordingDuration=64.0),
        WARNED, "the raw 64 s",
    ),
    "onsets by a clock 0.5 % off": (marks(lambda true: true * 1.005), REFUSED, "drifts by +0.300 s"),
    "onsets by a clock 0.1 % off": (marks(lambda true: true * 1.001), WARNED, "drifts by +0.060 s"),
    "onsets by the recording's clock": (marks(lambda true: true), FINE, ""),
    "one marker 0.6 s off": (marks(lambda true: true, 0.6), WARNED, "the event at 25.6 s (+0.60 s)"),
    "onsets in samples": (marks(lambda true: (true * 256).round()), REFUSED, ""),
    "three playings 0.5 % slow": (three(15.075), REFUSED, "3 playings"),
    "three playings": (three(15.0), FINE, ""),
    "one playing 1 % slow": (
        lambda root: write_tsv(root / IEEG_EVENTS, {"onset": [5.0], "duration": [50.5], "stim_file": ["story.wav"]}),
        WARNED, "played slower",
    ),
    "bad spans in events.tsv": (bad_row, WARNED, "1 bad spans by events.tsv, 4 s"),
}  # fmt: skip


@pytest.mark.parametrize("case", IEEG)
def test_ieeg(tmp_path: Path, case: str) -> None:
    change, severity, told = IEEG[case]
    root = ieeg_scene(tmp_path / "b")
    ieeg_tables(root)
    change(root)
    found = outcome(root)
    assert told in found.said
    assert (found.severity, found.said) == (severity, found.said)
    if severity != REFUSED:
        assert found.click_s is not None
        assert abs(found.click_s - IEEG_CLICK_S) <= limits("ieeg", 1 / 256).warn_s


@pytest.mark.parametrize(("rate_us", "severity"), [(3906.25, FINE), (3925.78, REFUSED), (3910.0, WARNED)])
def test_a_brainvision_header_against_its_sidecar(tmp_path: Path, rate_us: float, severity: str) -> None:
    root = ieeg_scene(tmp_path / "b", "vhdr")
    ieeg_tables(root)
    if rate_us != 3906.25:
        vhdr(rate_us)(root)
    found = outcome(root)
    assert found.severity == severity, found.said


def test_mains_gaps_and_bad_spans_stand_in_the_record(tmp_path: Path) -> None:
    root = ieeg_scene(tmp_path / "b")
    ieeg_tables(root)
    bad_row(root)
    ieeg_sidecar(root, True, PowerLineFrequency=50)
    alignment = outcome(root).alignment
    assert alignment is not None
    assert alignment.line_hz == 50
    assert [(one.source, one.spans_s) for one in alignment.bad_spans] == [("events.tsv", ((20.0, 4.0),))]
    assert alignment.gaps == ()
