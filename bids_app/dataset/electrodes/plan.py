"""What is made of an iEEG recording: which channels, from voltages or envelopes, against which reference."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from bids_app.dataset.electrodes.channel_spans import SharedSpans, share_spans
from bids_app.dataset.electrodes.high_gamma import TRANSITION_HZ, computes_high_gamma, harmonics
from bids_app.dataset.electrodes.mains import line_lines, notch_hz
from bids_app.dataset.electrodes.places import positions
from bids_app.dataset.electrodes.reference import long_rows, neighbours
from bids_app.dataset.files.candidates import HIGH_GAMMA
from bids_app.dataset.files.tables import Table, number
from bids_app.dataset.signals.recording import bad_spans_of, channels_of, good_channels, signals_of
from bids_app.dataset.signals.records import Signals
from bids_app.errors import DataError
from bids_app.records import AlignmentLine, Array, Recording, ResponseSpec, Topic

VOLTS = re.compile(r"([muµμ]|micro|milli)?v(olts?)?", re.IGNORECASE)  # as MNE scales them; nV it does not know
MNE_TYPES = {"seeg", "ecog", "dbs"}


@dataclass(frozen=True)
class ElectrodePlan:
    """What is read of a recording, decided from its header and tables.

    Parameters
    ----------
    signals : its file, on the clock of its events.
    channels : channels.tsv.
    contacts : the channels that are read.
    xyz_mm : (n_contacts, 3), NaN where unknown.
    targets : target → the contact that it is, or the two whose difference it is.
    computes : whether high gamma is computed, from voltages.
    reference : 'none' where signals are envelopes.
    line_hz : of the notch, or None.
    bad : stretches that are not used.
    lines : what a reader must know.
    """

    signals: Signals
    channels: Table
    contacts: tuple[str, ...]
    xyz_mm: Array
    targets: Mapping[str, tuple[str, ...]]
    computes: bool
    reference: str
    line_hz: float | None
    bad: SharedSpans
    lines: tuple[AlignmentLine, ...]

    def column(self, name: str) -> dict[str, str]:
        """Channel → its cell of a column of channels.tsv."""
        return dict(zip(self.channels.column("name"), self.channels.column(name), strict=True))


def plan_electrodes(recording: Recording, spec: ResponseSpec) -> ElectrodePlan:
    """What is read of an iEEG recording; no sample is.

    Parameters
    ----------
    recording : iEEG.
    spec : band, power line, reference.

    Raises
    ------
    DataError : the file or a table cannot be read, or no channel is left.
    """
    signals, channels = signals_of(recording), channels_of(recording.companions.get("channels"))
    computes = computes_high_gamma(recording, spec)
    wanted = good_channels(channels) if channels.rows else _intracranial(signals)
    there = [name for name in wanted if name in signals.types and name not in signals.bads]
    lines = _absent([name for name in wanted if name not in signals.types])
    if computes and spec.band_hz is not None:
        slow = _too_slow(there, signals, channels, spec.band_hz[1])
        lines += _left_out(slow, spec.band_hz)
        there = [name for name in there if name not in slow]
    spans, about_spans = bad_spans_of(recording, signals)
    bad = share_spans(spans, there, signals.seconds)
    there = [name for name in there if name not in bad.left_out]
    lines += [AlignmentLine("warning", "bad spans", text) for text in about_spans] + _costly(bad)
    if not there:
        raise DataError("no good SEEG or ECoG channel of channels.tsv is in the file", recording.paths[0])
    contacts = tuple(there)
    xyz_mm, about_places = positions(recording, contacts)
    lines += [_warning("channels", text) for text in about_places]
    groups = dict(zip(channels.column("name"), channels.column("group"), strict=True))
    reference = spec.reference if computes else "none"
    if reference != "none":
        _require_one_unit(contacts, signals, channels)
    targets: dict[str, tuple[str, ...]] = {name: (name,) for name in contacts}
    if reference == "bipolar":
        pairs = neighbours(contacts, groups, xyz_mm)
        targets = dict(pairs)
        lines += _about_pairs(pairs, contacts, xyz_mm, recording)
    lines += _about_signals(recording, spec, computes)
    return ElectrodePlan(
        signals, channels, contacts, xyz_mm, targets, computes, reference,
        notch_hz(recording, spec) if computes else None, bad, tuple(lines),
    )  # fmt: skip


def _warning(topic: Topic, text: str) -> AlignmentLine:
    return AlignmentLine("warning", topic, text)


def _intracranial(signals: Signals) -> list[str]:
    """By mne's types; a file whose format knows only EEG counts as a whole."""
    wanted = MNE_TYPES if MNE_TYPES & set(signals.types.values()) else {"eeg"}
    return [name for name, kind in signals.types.items() if kind in wanted]


def _absent(names: list[str]) -> list[AlignmentLine]:
    text = f"{len(names)} channels of channels.tsv are not in the file: {', '.join(names[:5])}"
    return [_warning("channels", text)] if names else []


def _too_slow(names: list[str], signals: Signals, channels: Table, highest_hz: float) -> dict[str, float]:
    """Channel → its rate, of those that were recorded too slowly for the band: by the file, or by channels.tsv where
    its rate differs from that of most channels (a table of another version of the data has one rate for all)."""
    column = channels.column("sampling_frequency")
    cells = {name: number(cell) for name, cell in zip(channels.column("name"), column, strict=True)}
    stated = {name: cells[name] for name in names if cells.get(name, 0) > 0}
    usual = Counter(stated.values()).most_common(1)
    own = {name: rate for name, rate in stated.items() if rate != usual[0][0]}
    rates = {name: min(signals.rates_hz[name], own.get(name, math.inf)) for name in names}
    return {name: rate for name, rate in rates.items() if rate <= 2 * (highest_hz + TRANSITION_HZ)}


def _left_out(slow: Mapping[str, float], band_hz: tuple[float, float]) -> list[AlignmentLine]:
    rates = ", ".join(f"{rate:g}" for rate in sorted(set(slow.values())))
    text = (
        f"{len(slow)} channels recorded at {rates} Hz cannot hold {band_hz[0]:g}–{band_hz[1]:g} Hz: left out "
        f"({', '.join(list(slow)[:5])})"
    )
    return [_warning("channels", text)] if slow else []


def _costly(bad: SharedSpans) -> list[AlignmentLine]:
    """Channels that their own bad spans cost."""
    worst = sorted(bad.left_out.items(), key=lambda item: -item[1])
    named = ", ".join(f"{name} {share:.0%}" for name, share in worst[:5])
    text = f"{len(worst)} channels are left out for their own bad spans (share of the recording: {named})"
    return [_warning("bad spans", text)] if worst else []


def _require_one_unit(contacts: tuple[str, ...], signals: Signals, channels: Table) -> None:
    """Raises DataError where contacts that are taken from each other are not all in volts, or all in another unit."""
    stated = dict(zip(channels.column("name"), channels.column("units"), strict=True))
    units = {name: signals.units.get(name, stated.get(name, "n/a")) for name in contacts}
    kinds = {"V" if VOLTS.fullmatch(unit) else unit: f"{name} {unit or 'n/a'}" for name, unit in units.items()}
    if len(kinds) > 1:
        raise DataError(
            f"channels have different units ({', '.join(kinds.values())})", signals.path, "no common reference"
        )


def _about_pairs(
    pairs: Mapping[str, tuple[str, str]], contacts: tuple[str, ...], xyz_mm: Array, recording: Recording
) -> list[AlignmentLine]:
    """What bipolar derivations leave out. Raises DataError where there is none."""
    if not pairs:
        raise DataError("no two good contacts are neighbours", recording.paths[0], "use reference: average or none")
    lonely = [name for name in contacts if not any(name in pair for pair in pairs.values())]
    lines = []
    if lonely:
        text = f"{len(lonely)} contacts have no good neighbour and are in no bipolar pair: {', '.join(lonely[:5])}"
        lines.append(_warning("channels", text))
    if grids := long_rows(pairs, contacts, xyz_mm):
        text = (
            f"{', '.join(grids)}: many contacts, no positions; pairs at the ends of a grid's rows are no neighbours"
        )
        lines.append(_warning("channels", text))
    return lines


def _about_signals(recording: Recording, spec: ResponseSpec, computes: bool) -> list[AlignmentLine]:
    """Whether signals are voltages or envelopes, and what follows for the reference and the notch."""
    if spec.band_hz is None:
        return _reference_lines(recording, spec, computes)
    low, high = spec.band_hz
    named = HIGH_GAMMA.search(recording.entities.get("desc", ""))
    lines = []
    if computes:
        text = (
            f"high gamma ({low:g}–{high:g} Hz) was computed: if these are envelopes, set response.ieeg.band_hz: null"
        )
        lines.append(_warning("channels", text))
        lines += line_lines(recording, spec, harmonics(notch_hz(recording, spec), spec.band_hz))
    elif not named:
        text = f"signals at {recording.rate_hz:g} Hz cannot hold {low:g}–{high:g} Hz: taken for envelopes"
        lines.append(_warning("channels", text))
    return lines + _reference_lines(recording, spec, computes)


def _reference_lines(recording: Recording, spec: ResponseSpec, computes: bool) -> list[AlignmentLine]:
    stated = str(recording.metadata.get("iEEGReference", "n/a"))
    if not computes:
        text = f"signals are envelopes already: reference {spec.reference} does not apply"
        return [_warning("channels", text)] if spec.reference != "none" else []
    done = f"recorded against: {stated}; re-referenced: {spec.reference}"
    twice = spec.reference != "none" and any(word in stated.lower() for word in ("bipolar", "average", "car"))
    return [AlignmentLine("warning" if twice else "fine", "channels", done)]
