"""bids_dir → recordings: every response that can be used, and why the others cannot."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from bids_app.boundary import boundary
from bids_app.dataset.discovery import clock
from bids_app.dataset.discovery.companions import fmri_companions, ieeg_companions
from bids_app.dataset.discovery.dropped import dropped_files
from bids_app.dataset.discovery.filters import response_filters
from bids_app.dataset.discovery.own_tables import own_tables
from bids_app.dataset.discovery.placed import (
    masks_of,
    placed_candidates,
    placed_participants,
    stated,
    unlike_others,
    with_place,
)
from bids_app.dataset.discovery.played import PlayedFinder, PlayedStimuli
from bids_app.dataset.discovery.roots import (
    choose_participants,
    derivative_roots,
    listed,
    participants_of,
    raw_name,
    require_description,
)
from bids_app.dataset.discovery.select import select
from bids_app.dataset.files.candidates import Candidate, candidates_of
from bids_app.dataset.files.layout import Index, build_index, read_json, sidecar
from bids_app.dataset.signals.open import open_signals
from bids_app.dataset.signals.recording import channels_of, good_channels
from bids_app.dataset.stimuli.events import read_events
from bids_app.dataset.stimuli.lengths import length_reader
from bids_app.errors import Bug, ConcordError, DataError, NoInput, OutOfMemory, Undecided
from bids_app.inputs.homes import named
from bids_app.inputs.laid_out import laid_out
from bids_app.inputs.opening import check_input
from bids_app.records import (
    ClockEvidence,
    Excluded,
    FoundRecordings,
    Recording,
    RecordingQuery,
    StartAccount,
)


def find_recordings(query: RecordingQuery) -> FoundRecordings:
    """Recordings of the derivatives that have stimuli, and those that cannot be used, each with its reason.

    Parameters
    ----------
    query : the data set, its derivatives, and which participants, sessions, tasks, spaces and files are wanted.

    Raises
    ------
    NoInput : no BIDS_DIR, derivatives or responses.
    NotBids : no dataset_description.json.
    NothingMatched : labels, filters or spaces match nothing.
    UsageError : they contradict each other.
    """
    elsewhere = laid_out(query.bids_dir, query.derivatives.values())
    with named((query.bids_dir, *query.derivatives.values(), *elsewhere.homes)):
        found = _found(_absolute(query))
    return replace(found, warnings=elsewhere.told + found.warnings)


def _found(query: RecordingQuery) -> FoundRecordings:
    description = require_description(query.bids_dir)
    filters = response_filters(query)
    roots, warnings, linked = ({}, (), ()) if query.responses else derivative_roots(query, description)
    placed = placed_participants(query.bids_dir, query.responses) if query.responses else set()
    people, about_people = participants_of([query.bids_dir, *roots.values()])
    participants = choose_participants(query, tuple(sorted({*people, *placed})))
    warnings += linked + about_people
    raw = build_index(query.bids_dir, raw_name(description, query.bids_dir), participants)
    others = [root for root in roots.items() if not _is(root[1], query.bids_dir)]
    indexes = [raw, *(build_index(root, name, participants) for name, root in others)]
    if query.responses:
        candidates = placed_candidates(raw, query.responses, participants)
    else:
        own = [index for index in indexes if index is not raw or len(others) < len(roots)]
        candidates = [candidate for index in own for candidate in candidates_of(index)]
    unlisted = [one for index in indexes for one in index.lost]
    if not candidates:
        advice = "; ".join((unlisted[0].reason if unlisted else _LOOKED_FOR, *linked))
        raise NoInput("no responses of these participants", listed(map(str, roots.values())), advice)
    wanted, about_responses = select(candidates, query, filters, raw)
    recordings, excluded = _recordings(wanted, raw, query)
    warnings += tuple(line for index in indexes for line in index.warnings)
    silent = sorted(set(participants) - {candidate.entities["sub"] for candidate in wanted})
    about_responses += (f"no responses of {listed(f'sub-{label}' for label in silent)}",) if silent else ()
    datasets = {index.name: index.root for index in [raw, *(candidate.index for candidate in wanted)]}
    return FoundRecordings(tuple(recordings), (*excluded, *unlisted), warnings + about_responses, datasets)


_LOOKED_FOR = (
    "looked for func/*_bold.nii.gz, *_space-*_hemi-*.func.gii, *_seg-*_timeseries.tsv, *_bold.h5 "
    "and high gamma as ieeg/*_ieeg.fif, .vhdr, .edf, .bdf, .set, .nwb or .mefd"
)


def _absolute(query: RecordingQuery) -> RecordingQuery:
    """Files are looked up by the folder they lie in: one spelling for each folder."""
    derivatives = {name: root.resolve() for name, root in query.derivatives.items()}
    return replace(query, bids_dir=query.bids_dir.resolve(), derivatives=derivatives)


def _is(path: Path, other: Path) -> bool:
    return path.resolve() == other.resolve()


# --------------------------------------------------------------------------------------------------- records
def _recordings(wanted: list[Candidate], raw: Index, query: RecordingQuery) -> tuple[list[Recording], list[Excluded]]:
    recordings: list[Recording] = []
    excluded: list[Excluded] = []
    length_of = length_reader(query.bids_dir, query.words, query.recipe)
    finder = PlayedFinder(raw, cache(lambda path: read_events(path, query.bids_dir, length_of)), query.recipe)
    first: dict[object, Candidate] = {}
    for candidate in sorted(wanted, key=lambda candidate: (candidate.entities["sub"], candidate.label)):
        twin = first.setdefault((candidate.kind, tuple(sorted(candidate.entities.items()))), candidate)
        with boundary(partial(_lose, candidate, excluded)):
            if candidate.problem or twin is not candidate:
                raise DataError(candidate.problem or f"the same run is in {twin.index.name}; choose one with -d")
            played = finder.of(candidate)
            with boundary(partial(_lose, candidate, excluded, heard=True)):
                recordings.append(_recording(candidate, raw, query, played))
    kept, unlike = unlike_others(recordings)
    return kept, excluded + unlike


def _lose(candidate: Candidate, excluded: list[Excluded], error: ConcordError, heard: bool = False) -> None:
    """A recording without stimuli may be one of rest; what has some, and cannot be used, fails."""
    fails = heard or isinstance(error, Undecided | Bug | OutOfMemory)
    excluded.append(Excluded(candidate.entities["sub"], candidate.label, str(error), fails))


def _recording(candidate: Candidate, raw: Index, query: RecordingQuery, played: PlayedStimuli) -> Recording:
    """One record. Raises DataError with the reason where it cannot be used."""
    index = candidate.index
    make = _ieeg if candidate.kind == "electrodes" else _fmri
    recording = make(replace(candidate, told=clock.as_sidecar(played.clock)), raw, query)
    named = [(index, entry.path) for entry in candidate.entries] + ([played.file] if played.file else [])
    companions = {**recording.companions, **({"events": played.file[1]} if played.file else {})}
    for path in (*recording.paths, *companions.values()):
        check_input(path)
    named += [(index if path.is_relative_to(index.root) else raw, path) for path in recording.companions.values()]
    return replace(
        recording,
        stimuli=played.events.stimuli,
        own_words=played.events.words,
        own_phones=played.events.phones,
        companions=companions,
        warnings=recording.warnings + played.events.warnings + played.warnings,
        sources=tuple(dict.fromkeys(owner.uri(path) for owner, path in named)),
    )


def _fmri(candidate: Candidate, raw: Index, query: RecordingQuery) -> Recording:
    """Time and companions of fMRI; the sidecar of the derivative wins over the raw one's."""
    recipe = {**(stated(query.responses) if query.responses else {}), **candidate.told}
    own = _own_sidecar(candidate) | recipe
    timing = clock.fmri_clock(candidate, own, raw, recipe)
    companions, about_companions = fmri_companions(candidate)
    companions |= dropped_files(candidate) | own_tables(candidate, query.confounds_files, query.bids_dir)
    unmasked = candidate.kind == "volume" and "mask" not in companions
    about_mask = ("no brain mask: voxels that are not 0 in the first volume are used",) if unmasked else ()
    recording = Recording(
        participant=candidate.entities["sub"],
        modality="fmri",
        kind=candidate.kind,
        space=candidate.space,
        entities=candidate.entities,
        paths=tuple(entry.path for entry in candidate.entries),
        rate_hz=timing.rate_hz,
        start_s=timing.start_s,
        stimuli=(),
        companions=companions,
        metadata={key: value for key, value in timing.evidence.raw.items() if key != "StartTime"} | own,
        warnings=candidate.notes + timing.warnings + about_companions + about_mask,
        clock=timing.evidence,
    )
    if candidate.kind != "array":
        return recording
    beside = (companions["mask"],) if "mask" in companions else ()
    named = masks_of(raw, query.responses, candidate.entities) if query.responses else beside
    return with_place(recording, named)


def _own_sidecar(candidate: Candidate) -> dict[str, object]:
    """The derivative's metadata; of two hemispheres the left one's wins."""
    metadata: dict[str, object] = {}
    for entry in reversed(candidate.entries):
        metadata |= sidecar(candidate.index, entry.entities, candidate.datatype, entry.suffix, entry.path.parent)
        of_series = entry.path.with_suffix(".json")  # fMRIPrep before 21: …_bold.dtseries.json
        if entry.extension.endswith("series.nii") and of_series.exists():
            metadata |= read_json(of_series)
    return metadata


def _ieeg_start(candidate: Candidate) -> StartAccount:
    """Events count from the first sample, unless a recipe says otherwise."""
    told = candidate.told.get("StartTime")
    return StartAccount(0.0, "first sample") if told is None else StartAccount(told, "recipe")


def _ieeg(candidate: Candidate, raw: Index, query: RecordingQuery) -> Recording:
    """Time, by the signal file's own header, and companions of iEEG; events count from the first sample."""
    companions, space = ieeg_companions(candidate, raw, query.spaces)
    signals = open_signals(candidate.path, good_channels(channels_of(companions.get("channels"))))
    absent = {"channels": "every intracranial channel of the file is used", "electrodes": "positions are unknown"}
    about_tables = tuple(f"no {key}.tsv: {result}" for key, result in absent.items() if key not in companions)
    own = _own_sidecar(candidate)
    original = sidecar(raw, candidate.entities, "ieeg", "ieeg") if raw is not candidate.index else {}
    return Recording(
        participant=candidate.entities["sub"],
        modality="ieeg",
        kind="electrodes",
        space=space,
        entities=candidate.entities,
        paths=(candidate.path,),
        rate_hz=signals.rate_hz,
        start_s=_ieeg_start(candidate).seconds,
        stimuli=(),
        companions=companions,
        metadata=original | own,
        warnings=candidate.notes + signals.warnings + about_tables,
        clock=ClockEvidence(start=_ieeg_start(candidate), own=own, raw=original),
    )
