"""Which results in OUT_DIR are whole and of today's inputs: the one judge, of both levels and of a dry run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from bids_app import execution, outputs
from bids_app.errors import ConcordError, NoInput
from bids_app.execution import NOT_DONE, StatusRow, Unit
from bids_app.pipeline.accounts import Accounts
from bids_app.pipeline.job.job import Job
from bids_app.pipeline.job.stimulus_library import StimulusLibrary
from bids_app.pipeline.preflight import Preflight
from bids_app.records import Excluded, FeatureProvenance, FoundRecordings, UnitSummary, entities_of

FEATURES_UNCHECKED = "features not compared, as files of a model are not there"
State = Literal["new", "whole", "outdated", "damaged", "stale", "superseded", "failed"]
AGAIN = "run the participant level again"
ONCE_MENDED = "mend that, then run the participant level again"
OR_DELETE = "run the participant level again with its recordings, or delete its summary in logs"


@dataclass(frozen=True)
class Verdict:
    """What a unit's results in OUT_DIR are worth.

    state : new: there are none; outdated: of another format; damaged: not what was written; stale: not of today's
    inputs; superseded: another unit has its recordings; failed: they could not be made again; whole.
    reason : why they do not count, in a few words. summary : where the files are what was written. hint : what to do.
    unchecked : what of their inputs was not compared, though the unit is planned, and why. unsaved : what of its
    models is to be saved and is not there; the results count all the same.
    """

    stem: str
    participant: str
    state: State
    reason: str = ""
    summary: UnitSummary | None = None
    hint: str = AGAIN
    unchecked: str = ""
    unsaved: tuple[str, ...] = ()

    @property
    def suffices(self) -> bool:
        """Whether nothing need be fitted again: the results count, and what is to be saved is there."""
        return self.counts and not self.unsaved

    @property
    def why_again(self) -> str:
        """Why it is fitted again, in a few words."""
        return f"to be saved, and not there: {', '.join(self.unsaved)}" if self.unsaved else self.reason

    @property
    def counts(self) -> bool:
        """Whether the results are those of today's inputs."""
        return self.state == "whole"

    @property
    def excluded(self) -> Excluded:
        """As reports and status.tsv name it: in one line, with what to do."""
        return Excluded(self.participant, self.stem, f"{self.state}: {self.reason} ({self.hint})")


@dataclass(frozen=True)
class Members:
    """Whom a group level is over.

    counted : units whose results count. left_out : those that do not. missing : participants who have none.
    unchecked : participants whose inputs are not there, so that their results are taken as they are.
    features_unchecked : of those that count, participants whose features were not compared: a model is not there.
    """

    counted: tuple[Verdict, ...]
    left_out: tuple[Verdict, ...]
    missing: tuple[str, ...]
    unchecked: tuple[str, ...]
    features_unchecked: tuple[str, ...] = ()

    def require_somebody(self, out_dir: Path) -> None:
        """Raises NoInput where nobody has, or had, results."""
        if not self.counted and not self.left_out:
            raise NoInput("nobody has results here yet", out_dir, "run the participant level first")

    @property
    def lines(self) -> list[str]:
        """Who is left out and why, who has no results, whose inputs or models are not there; last how many count."""
        lines = [f"left out {one.stem}: {one.excluded.reason}" for one in self.left_out]
        named = {
            "no results of": self.missing,
            "not compared with inputs:": self.unchecked,
            f"{FEATURES_UNCHECKED}:": self.features_unchecked,
        }
        for what, participants in named.items():
            if participants:
                lines.append(f"{what} {', '.join(f'sub-{one}' for one in participants)}")
        return [*lines, f"{len({one.participant for one in self.counted})} participants"]


@dataclass(frozen=True)
class Judge:
    """Judges results by their own hashes, and by the key of today's inputs where these are there.

    Parameters
    ----------
    job : what the run was asked for.
    library : stimuli, and what decides the values of their features.
    accounts : of recordings.
    preflight : what can be computed.
    """

    job: Job
    library: StimulusLibrary
    accounts: Accounts
    preflight: Preflight

    def key(self, unit: Unit) -> str:
        """What decides a unit's numbers and what is said of its recordings, hashed; models may be fetched for it.

        Parameters
        ----------
        unit : as it is planned today.

        Raises
        ------
        NoInput, DataError : a file of a model, or the user's file of features, is not there.
        """
        return self._key(unit, self._features(unit, fetch=True))

    def _features(self, unit: Unit, fetch: bool) -> list[str]:
        facts = [facts for recording in unit.recordings for facts in self.accounts.of(recording).stimuli]
        return [key for one in facts for key in self.library.keys(one, fetch)]

    def _key(self, unit: Unit, features: Sequence[str] | None) -> str:
        times = [repr(self.preflight.alignments.get(recording.label)) for recording in unit.recordings]
        refused = [one.label for one in self.preflight.of(unit.participant)]
        return execution.unit_key(unit, self.job.hash, features, (*times, *refused))

    def require_key(self, unit: Unit) -> None:
        """Make sure that `key` can be made of what is here, where nothing may be fetched for it.

        Parameters
        ----------
        unit : as it is planned today.

        Raises
        ------
        NoInput, DataError : as of `key`.
        """
        if self.job.options.models.offline:
            self._features(unit, fetch=False)

    def planned(self, unit: Unit, key: str) -> Verdict:
        """Of a unit that could be computed now.

        Parameters
        ----------
        unit : as it is planned today.
        key : of its inputs.
        """
        verdict = self._proved(unit.stem, unit.participant, key)
        if not self.job.save or not verdict.counts or verdict.summary is None:
            return verdict
        there = outputs.whole_saved(self.job.out_dir, verdict.summary)
        return replace(verdict, unsaved=tuple(what for what in self.job.save if what not in there))

    def _by_what_is_here(self, unit: Unit) -> tuple[str, str]:
        """A unit's key, and what it leaves out, where files of a model are not there."""
        try:
            return self._key(unit, self._features(unit, fetch=False)), ""
        except (ConcordError, OSError):
            return self._key(unit, None), FEATURES_UNCHECKED

    def at_hand(self, unit: Unit) -> Verdict:
        """`planned` by what is here: where files of a model are not, without the features, and it says so.

        Parameters
        ----------
        unit : as it is planned today.
        """
        key, unchecked = self._by_what_is_here(unit)
        return replace(self.planned(unit, key), unchecked=unchecked)

    def superseded_by(self, unit: Unit) -> list[str]:
        """Stems of the participant's other results whose recordings this unit has now: all of them, or some where all
        that the participant has is looked for.

        Parameters
        ----------
        unit : as it is planned today.
        """
        found = []
        for stem in outputs.stems_of(self.job.out_dir, unit.participant):
            summary = outputs.read_unit_summary(self.job.out_dir, stem)
            if summary is not None and self._supersedes(unit, summary):
                found.append(stem)
        return found

    def untrue(self, participant: str, rows: Sequence[StatusRow]) -> list[Excluded]:
        """A participant's results that do not count today, with the reason.

        Parameters
        ----------
        participant : the label, without `sub-`.
        rows : of status.tsv.
        """
        verdicts = [self._written(stem, _failures(rows)) for stem in outputs.stems_of(self.job.out_dir, participant)]
        return [one.excluded for one in verdicts if not one.counts]

    def members(self, found: FoundRecordings, rows: Sequence[StatusRow]) -> Members:
        """Whose results a group level is over: of those asked for, all that count.

        Parameters
        ----------
        found : all that the data set has, usable or not.
        rows : of status.tsv.
        """
        query, out_dir = self.job.options.query, self.job.out_dir
        expected = {one.participant for one in found.recordings} | {one.participant for one in found.excluded}
        everyone = [one for one in outputs.participants_of(out_dir) if query.asks_for(one)]
        asked = [one for one in everyone if one in expected or not (expected and query.is_narrowed)]
        rows = [
            row for row in rows if query.asks_for(row.participant) and (row.participant in expected or not expected)
        ]
        failures = _failures(rows)
        verdicts = [self._written(stem, failures) for one in asked for stem in outputs.stems_of(out_dir, one)]
        verdicts = _of_one_kind(verdicts)
        judged = [*verdicts, *self._lost(verdicts, rows)]
        failed = {row.participant for row in rows if row.status in NOT_DONE and row.participant != "group"}
        return Members(
            tuple(one for one in verdicts if one.counts),
            tuple(sorted((one for one in judged if not one.counts), key=lambda one: one.stem)),
            tuple(sorted((expected | failed) - {one.participant for one in judged})),
            tuple(one for one in asked if expected and one not in expected),
            tuple(sorted({one.participant for one in verdicts if one.counts and one.unchecked})),
        )

    def _proved(self, stem: str, participant: str, key: str) -> Verdict:
        proof = outputs.prove_unit(self.job.out_dir, stem)
        if proof.state == "absent":
            return Verdict(stem, participant, "new", proof.reason)
        if proof.summary is None or proof.state != "whole":
            return Verdict(stem, participant, proof.state, proof.reason)
        changed = execution.what_changed(proof.summary.provenance.unit_key, key)
        return Verdict(stem, participant, "stale" if changed else "whole", changed, proof.summary)

    def _written(self, stem: str, failures: Mapping[str, str]) -> Verdict:
        """Of results that are there, whether or not their inputs are."""
        participant = entities_of(stem)["sub"]
        unit = next((one for one in self.preflight.units if one.stem == stem), None)
        if unit is None:
            verdict = self._proved(stem, participant, execution.key_without_inputs(self.job.hash))
        else:
            key, unchecked = self._by_what_is_here(unit)
            verdict = replace(self._proved(stem, participant, key), unchecked=unchecked)  # whatever is saved
        if not verdict.counts or verdict.summary is None:
            is_elsewhere = unit is None and any(one.participant == participant for one in self.preflight.units)
            return replace(verdict, hint=OR_DELETE) if is_elsewhere else verdict
        if stem in failures:
            return replace(verdict, state="failed", reason=failures[stem], hint=ONCE_MENDED)
        if unit is None:
            return self._without_plan(verdict, verdict.summary)
        return verdict

    def _without_plan(self, verdict: Verdict, summary: UnitSummary) -> Verdict:
        """Of whole results that are not planned today: their recordings are another unit's now, or refused, or not
        there, or not asked for."""
        others = [unit.stem for unit in self.preflight.units if self._supersedes(unit, summary)]
        if others:
            return replace(verdict, state="superseded", reason=f"its recordings are those of {others[0]} now")
        labels = {one.label for one in summary.recordings}
        refused = [one.reason for one in self.preflight.unused if one.label in labels]
        if refused:
            return replace(verdict, state="failed", reason=refused[0], hint=ONCE_MENDED)
        return verdict

    def _supersedes(self, unit: Unit, summary: UnitSummary) -> bool:
        """Whether the recordings of some results are those of a planned unit of another name: a recording is in one
        unit alone, but where a part of what participants have is looked for it may be in a larger one too."""
        kind = unit.participant, unit.modality, unit.kind, unit.space
        alike = kind == (summary.participant, summary.modality, summary.targets.kind, summary.space)
        if not alike or unit.stem == summary.stem:
            return False
        labels, own = {one.label for one in summary.recordings}, {one.label for one in unit.recordings}
        return bool(labels & own) if not self.job.options.query.is_narrowed else bool(labels) and labels <= own

    def _lost(self, verdicts: Sequence[Verdict], rows: Sequence[StatusRow]) -> list[Verdict]:
        """Units without results: planned ones, but for those whose recordings others have, and what status.tsv says
        was done or failed."""
        written, having = {one.stem for one in verdicts}, {one.participant for one in verdicts}
        fitted = {one.label for each in verdicts if each.counts and each.summary for one in each.summary.recordings}
        planned = {
            unit.stem: unit.participant
            for unit in self.preflight.units
            if unit.participant in having and not {one.label for one in unit.recordings} <= fitted
        }
        known = [_of_row(row) for row in rows if row.status != "skipped" and _is_unit(row)]
        never = [
            Verdict(stem, who, "new", outputs.prove_unit(self.job.out_dir, stem).reason)
            for stem, who in planned.items()
            if stem not in {one.stem for one in known}
        ]
        return [one for one in (*known, *never) if one.stem not in written]


def _is_unit(row: StatusRow) -> bool:
    """Of a participant's unit, not of a recording, whose name ends with a suffix."""
    return entities_of(row.unit).get("sub") == row.participant and "-" in row.unit.rsplit("_", 1)[-1]


def _of_row(row: StatusRow) -> Verdict:
    """What a row says of a unit that has no summary."""
    if row.status in NOT_DONE:
        reason, hint = (row.reason, ONCE_MENDED) if row.status == "failed" else (f"it {row.reason}", AGAIN)
        return Verdict(row.unit, row.participant, "failed", reason, hint=hint)
    return Verdict(row.unit, row.participant, "damaged", "its summary in logs is gone")


def _failures(rows: Iterable[StatusRow]) -> dict[str, str]:
    """Unit → why it failed when it was last tried, or that it has not ended."""
    said = {
        "failed": "it was tried again and failed: ",
        "running": "it is fitted again, or was when it was killed: it ",
    }
    return {row.unit: said[row.status] + row.reason for row in rows if row.status in said}


def _of_one_kind(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Leave out those whose features were made otherwise than most participants': by another model or version."""
    summaries = [one.summary for one in verdicts if one.counts and one.summary]
    usual: dict[str, str] = {}
    for space in dict.fromkeys(name for one in summaries for name in one.provenance.spaces):
        made = Counter(_made_by(one.provenance.spaces[space]) for one in summaries if space in one.provenance.spaces)
        usual[space] = made.most_common(1)[0][0]
    return [_if_usual(one, usual) for one in verdicts]


def _if_usual(verdict: Verdict, usual: Mapping[str, str]) -> Verdict:
    if not verdict.counts or verdict.summary is None:
        return verdict
    spaces = verdict.summary.provenance.spaces
    other = [name for name, space in spaces.items() if _made_by(space) != usual[name]]
    if not other:
        return verdict
    reason = f"its features {other[0]} were made by another model or version than those of most participants"
    return replace(verdict, state="stale", reason=reason)


def _made_by(space: FeatureProvenance) -> str:
    return repr((space.kind, space.version, space.model, space.weights_sha256, space.untrained))
