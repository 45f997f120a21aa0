"""Recordings' accounts: made from headers, sidecars and tables, or kept from an earlier run of the same files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from bids_app import dataset
from bids_app.boundary import boundary
from bids_app.disk import locked
from bids_app.errors import ConcordError
from bids_app.execution import Unit
from bids_app.outputs.files.files import read_json, write_text
from bids_app.outputs.files.serialise import account_from_json, hash_of, to_json
from bids_app.pipeline.job.file_states import FileStates
from bids_app.pipeline.job.job import Job
from bids_app.pipeline.job.playings import same_stimuli_warnings
from bids_app.pipeline.job.stimulus_library import StimulusLibrary
from bids_app.records import AlignmentLine, Recording, RecordingAccount, ResponseSpec, StimulusFacts

FORMAT = 3
WORTH = 20  # recordings: the accounts of fewer are made again as quickly


class Accounts:
    """Accounts of recordings, kept in OUT_DIR/logs/accounts.json.

    One that is kept counts only while nothing that it was made from has changed (`FileStates`). The file may be
    deleted, cannot be written, is broken or was edited: accounts are then made again. What cannot be used is tried
    again each time.

    Parameters
    ----------
    job : what the run was asked for.
    library : stimuli and their features.
    """

    def __init__(self, job: Job, library: StimulusLibrary) -> None:
        self._job, self._library, self._states = job, library, FileStates(job)
        self._path = job.out_dir / "logs" / "accounts.json"
        self._kept = _read(self._path)
        self._now: dict[str, tuple[str, RecordingAccount]] = {}
        self._new: set[str] = set()
        self._missing: dict[StimulusFacts, list[str]] = {}

    def of(self, recording: Recording) -> RecordingAccount:
        """A recording's account.

        Parameters
        ----------
        recording : as it was found.

        Raises
        ------
        DataError : a header, a table or a stimulus cannot be read, or a feature lacks what it needs.
        NoInput : a stimulus's file is not there.
        """
        name = str(recording.paths[0])
        if name not in self._now:
            state = self._states.of(recording)
            kept = self._kept.get(name, {})
            account = account_from_json(kept.get("account")) if kept == _proved(state, kept.get("account")) else None
            if account is None:
                self._put(name, state, make_account(recording, self._job, self._library))
            else:
                self._now[name] = state, account
        return self._now[name][1]

    def count_targets(self, recording: Recording) -> int:
        """How many targets a recording has.

        Parameters
        ----------
        recording : one that has an account.

        Raises
        ------
        DataError : a file is missing, damaged or has no target.
        """
        return self._counted(recording, "n_targets", dataset.count_targets)

    def count_varying(self, recording: Recording) -> int:
        """How many targets a recording has that can be fitted.

        Parameters
        ----------
        recording : one that has an account.

        Raises
        ------
        DataError : a file is missing, damaged or has no target.
        """
        return self._counted(recording, "n_varying", dataset.count_varying)

    def _counted(self, recording: Recording, name: str, count: Callable[[Recording, ResponseSpec], int]) -> int:
        """A number of the account, counted where it has none yet."""
        account, place = self.of(recording), str(recording.paths[0])
        if getattr(account, name) is None:
            counted: dict[str, Any] = {name: count(recording, self._job.analysis.response_spec(recording.modality))}
            account = replace(account, **counted)
            self._put(place, self._now[place][0], account)
        return int(getattr(account, name))

    def of_unit(self, unit: Unit) -> tuple[list[RecordingAccount], int]:
        """Accounts of a unit's recordings, and how many targets the first of them has that can be fitted.

        Parameters
        ----------
        unit : recordings that have accounts.

        Raises
        ------
        ConcordError : none of them can be counted.
        """
        accounts, lost = [self.of(recording) for recording in unit.recordings], list[ConcordError]()
        for recording in unit.recordings:
            with boundary(lost.append):
                return accounts, self.count_varying(recording)
        raise lost[-1]

    def missing(self, facts: StimulusFacts) -> list[str]:
        """Names of the spaces that would have to be computed for a stimulus."""
        if facts not in self._missing:
            self._missing[facts] = self._library.missing(facts)
        return self._missing[facts]

    def same_stimuli(self, recordings: Sequence[Recording]) -> tuple[str, ...]:
        """A warning for each two names of one stimulus: words and excerpts of sounds are read for it.

        Parameters
        ----------
        recordings : that are fitted together, with their playings.
        """
        return same_stimuli_warnings(recordings, self._library)

    def _put(self, name: str, state: str, account: RecordingAccount) -> None:
        self._now[name] = state, account
        self._new.add(name)

    def keep(self) -> None:
        """Write what is new beside what other jobs have written, where that is possible at once and worth it."""
        if not self._new or len(self._now) < WORTH:
            return
        new = {name: _proved(self._now[name][0], to_json(self._now[name][1])) for name in self._new}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with locked(self._path.with_suffix(".lock"), str, ends_s=5.0):
                write_text(self._path, _text({**_read(self._path), **new}))
        except (ConcordError, OSError):
            return
        self._new.clear()


def make_account(recording: Recording, job: Job, library: StimulusLibrary) -> RecordingAccount:
    """How a recording's times agree, what was noticed when its files were looked for, and what was heard.

    Parameters
    ----------
    recording : as it was found.
    job : what the run was asked for.
    library : stimuli and their features.

    Raises
    ------
    DataError, NoInput : as of `Accounts.of`.
    """
    placed, about_audio = _placed(recording, job, library)
    heard = [(event, library.played(placed, event)) for event in placed.stimuli]
    epoch = job.analysis.design_spec(recording.modality).epoch
    spec = job.analysis.response_spec(recording.modality)
    alignment = dataset.align(placed, heard, None if epoch is None else epoch.window_s, spec)
    if recording.modality == "fmri":
        alignment = dataset.with_companions(alignment, placed, spec)
    found = [AlignmentLine("warning", "files", text) for text in recording.warnings]
    known = {line.text for line in alignment.lines}
    lines = (*alignment.lines, *(line for line in found if line.text not in known), *about_audio)
    facts = tuple(library.facts(placed, event) for event in placed.stimuli)
    return RecordingAccount(replace(alignment, lines=lines), placed.stimuli, facts)


def _placed(recording: Recording, job: Job, library: StimulusLibrary) -> tuple[Recording, tuple[AlignmentLine, ...]]:
    """The recording with its playings where its audio channel puts them, where that is asked for."""
    audio = job.analysis.alignment.spec()
    if audio is None or recording.kind != "electrodes":
        return recording, ()
    epoch = job.analysis.design_spec(recording.modality).epoch
    allowed = dataset.limits(recording.modality, 1 / recording.rate_hz, None if epoch is None else epoch.window_s)
    found = dataset.place_by_audio(recording, partial(library.with_sound, recording), audio, allowed)
    return replace(recording, stimuli=found.stimuli), found.lines


def _proved(state: str, account: object) -> dict[str, object]:
    """An account as it is kept, with the state of what it was made from and the hash of both."""
    kept = {"state": state, "account": account}
    return {**kept, "sha256": hash_of(kept)}


def _read(path: Any) -> dict[str, Any]:
    """File name → what was kept; nothing where the file is absent, broken or of another format."""
    try:
        content = read_json(path)
    except ConcordError:
        return {}
    kept = content.get("recordings")
    known = content.get("format") == FORMAT and isinstance(kept, dict)
    return {name: one for name, one in kept.items() if isinstance(one, dict)} if known and kept else {}


def _text(kept: dict[str, Any]) -> str:
    import json

    return json.dumps({"format": FORMAT, "recordings": kept}, ensure_ascii=False)
