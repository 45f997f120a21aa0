from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from bids_trees import snapshot

from bids_app.dataset import align, find_recordings, load_response, load_stimulus, load_targets
from bids_app.dataset.transcripts.word_files import read_annotation
from bids_app.errors import NoInput
from bids_app.records import Recording, RecordingQuery, ResponseSpec

REALDATA = Path(os.environ.get("CONCORD_REALDATA") or Path(__file__).parents[2] / "../shared/data").resolve()
pytestmark = pytest.mark.realdata


def data_set(name: str) -> Path:
    if not (REALDATA / name).is_dir():
        pytest.skip(f"no {REALDATA / name}")
    return REALDATA / name


def alice(**settings: object) -> tuple[Path, tuple[Recording, ...]]:
    root = data_set("alice")
    query = RecordingQuery(root, Path("/nowhere"), {"roi": root / "derivatives/roi"}, **settings)  # type: ignore[arg-type]
    found = find_recordings(query)
    assert not found.excluded
    return root, found.recordings


def test_alice_recordings() -> None:
    _, recordings = alice()
    assert len(recordings) == 56
    assert {recording.space for recording in recordings} == {"Brennan6mm", "Brennan10mm"}
    assert {recording.stimuli[0].onset_s for recording in recordings} == {-20.0}
    assert {recording.rate_hz for recording in recordings} == {0.5}


def test_alice_responses_and_the_dead_region() -> None:
    _, recordings = alice(spaces=("Brennan10mm",))
    responses = {r.participant: load_response(r, load_targets(r), ResponseSpec()) for r in recordings}
    assert {response.values.shape for response in responses.values()} == {(362, 6)}
    assert {response.nuisance.shape for response in responses.values()} == {(362, 17)}  # six motion, eleven drift
    flat = [name for name, response in responses.items() if (np.ptp(response.values, axis=0) == 0).any()]
    assert flat == ["33"]


def test_alice_story() -> None:
    root, recordings = alice(participants=("18",), spaces=("Brennan6mm",))
    before = snapshot(root)
    stimulus = load_stimulus(recordings[0], recordings[0].stimuli[0], root, "{stem}.TextGrid", need_audio=True)
    assert stimulus.words is not None
    assert stimulus.phones is not None
    assert len(stimulus.words.text) == 2127
    assert stimulus.words.onset_s[0] == pytest.approx(20.058916)
    assert stimulus.audio is not None
    assert not np.abs(stimulus.audio[: int(19.9 * (stimulus.rate_hz or 0))]).max() > 0.01
    row = align(recordings[0], [(recordings[0].stimuli[0], stimulus)])
    assert row.playings[0].words_in_sound == 1.0
    assert row.extents[0].seconds == 724.0
    assert row.of("warning") == ()
    assert snapshot(root) == before


def test_podcast_has_no_responses_but_words() -> None:
    root = data_set("ds005574")
    with pytest.raises(NoInput, match="-d"):
        find_recordings(RecordingQuery(root, Path("/nowhere")))
    words = read_annotation(root / "stimuli/gpt2-xl/transcript.tsv").words
    assert words is not None
    assert len(words.text) == 5136
    assert words.text[:3] == ("Act", "one,", "monkey")
