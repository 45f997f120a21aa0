"""Names of channels: each must stand for one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from bids_app.errors import DataError


def require_distinct(labels: Sequence[str], path: Path, wanted: Collection[str]) -> None:
    """Channels of one name cannot be told apart.

    Parameters
    ----------
    labels : as the header has them, without annotations.
    path : of the file.
    wanted : those that are used, perhaps with mne's running number; all where none is given.

    Raises
    ------
    DataError : a channel that is wanted has the name of another.
    """
    counts = Counter(labels)
    repeated = [name for name, count in counts.items() if count > 1]
    stems = {name.rsplit("-", 1)[0] if name not in counts else name for name in wanted}
    concerned = [name for name in repeated if not wanted or name in stems]
    if concerned:
        listed = ", ".join(f"{name} ({counts[name]} times)" for name in concerned[:5])
        raise DataError(f"channels have one name: {listed}", path, "give each channel a name of its own")
