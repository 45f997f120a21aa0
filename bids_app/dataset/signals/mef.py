"""MEF3 folders, by pymef: mne places samples behind a pause too early."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.dataset.signals.records import Signals, between, usual_rate
from bids_app.errors import DataError
from bids_app.inputs.opening import reading
from bids_app.records import Array

VOLTS = {"uv": 1e-6, "µv": 1e-6, "μv": 1e-6, "mv": 1e-3, "v": 1.0}


def open_mef(path: Path, wanted: Collection[str]) -> Signals:
    """A MEF3 session, none of its samples read.

    Parameters
    ----------
    path : of the folder.
    wanted : channels whose rate counts.

    Raises
    ------
    DataError : it cannot be read, is encrypted, or pymef is not installed.
    """
    if find_spec("pymef") is None:
        raise DataError("MEF3 needs pymef, which is not installed", path, "pip install 'bids-concord[mef]'")
    with reading(path):
        session = _session(path)
        facts = {str(one["name"]): one for one in session.read_ts_channel_basic_info()}
    rates_hz = {name: float(one["fsamp"][0]) for name, one in facts.items()}
    if not rates_hz or not all(0.1 < rate < 1e6 for rate in rates_hz.values()):
        raise DataError("no channel of the MEF3 folder can be read", path, "if it is encrypted, write it without")
    rate_hz = usual_rate(rates_hz, wanted)
    main = next(name for name, rate in rates_hz.items() if rate == rate_hz)
    n_samples = int(facts[main]["nsamp"][0])
    with reading(path):
        broken, _, firsts, microseconds = session.get_channel_toc(main)
    zero = microseconds[int(np.argmin(firsts))]
    starts = {
        int(first): float(at - zero) / 1e6
        for first, at, breaks in zip(firsts, microseconds, broken, strict=True) if breaks or first == 0
    }  # fmt: skip
    units = {name: _text(one["unit"]) for name, one in facts.items()}
    scales = {name: float(one["ufact"][0]) * VOLTS.get(units[name].lower(), 1.0) for name, one in facts.items()}
    return Signals(
        path=path,
        types=dict.fromkeys(facts, "seeg"),
        rates_hz=rates_hz,
        units={name: unit for name, unit in units.items() if unit},
        rate_hz=rate_hz,
        n_samples=n_samples,
        segments=between(starts, n_samples, rate_hz),
        bads=frozenset(),
        read=lambda picks: _read(path, picks, scales),
    )


def _session(path: Path) -> Any:
    from pymef.mef_session import MefSession

    return MefSession(str(path), "")


def _text(value: Any) -> str:
    return bytes(value[0]).split(b"\x00")[0].decode("utf-8", "replace").strip()


def _read(path: Path, picks: Sequence[str], scales: dict[str, float]) -> Array:
    """(n_channels, n_samples) volts."""
    with reading(path):
        session = _session(path)
        lasts = {str(one["name"]): int(one["nsamp"][0]) for one in session.read_ts_channel_basic_info()}
        columns = session.read_ts_channels_sample(list(picks), [[0, lasts[name]] for name in picks])
    return np.stack([np.asarray(column) * scales[name] for name, column in zip(picks, columns, strict=True)])
