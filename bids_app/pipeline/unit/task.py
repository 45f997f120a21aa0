"""What is known of a unit before it is loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from bids_app.disk import opened_arrays, scratch_array, write_arrays
from bids_app.encoding import Keeping, Share
from bids_app.errors import ReadWriteError
from bids_app.execution import Stages, Unit
from bids_app.records import Alignment, Excluded, Part


@dataclass(frozen=True)
class UnitTask:
    """A unit that is to be fitted.

    Parameters
    ----------
    unit : recordings of one participant and space, or whose mean response is fitted.
    key : what decides its numbers, hashed; empty for a mean response.
    alignments : recording label → how its times agree, of refused ones too.
    unused : its participant's recordings that preflight refused.
    stages : are told what it is at.
    save : what of its models is kept beside scores.
    scratch : a folder for what is kept, until it is written; None where nothing is.
    part : of its targets, where a share of them is fitted and nothing written.
    shares : files of shares of its targets that others were given to fit; some may be missing.
    detail : takes a line for who asks for details.
    """

    unit: Unit
    key: str = ""
    alignments: Mapping[str, Alignment] = field(default_factory=dict)
    unused: tuple[Excluded, ...] = ()
    stages: Stages = field(default_factory=Stages, compare=False)
    save: tuple[str, ...] = ()
    scratch: Path | None = None
    part: Part | None = None
    shares: tuple[Path, ...] = ()
    detail: Callable[[str], object] = field(default=str, compare=False)

    @property
    def fitted_here(self) -> float:
        """About which share of its targets is fitted by whoever has this task, 0 to 1."""
        if self.part is not None:
            return 1 / self.part.of
        return sum(not path.exists() for path in self.shares) / len(self.shares) if self.shares else 1.0

    def write_share(self, path: Path, share: Share) -> None:
        """Of its targets, for another process's task of the same unit.

        Parameters
        ----------
        path : of the file; its folder is there.
        share : of the targets.

        Raises
        ------
        ReadWriteError : where the disk refuses.
        """
        write_arrays(path, {"key": np.array(self.key), **share.arrays})

    @contextmanager
    def opened_shares(self) -> Iterator[Sequence[Share]]:
        """Shares of its targets that were fitted elsewhere, of the same inputs. One that is missing or damaged costs
        time alone: it is said, and its targets are fitted with the others."""
        found: list[Share] = []
        with ExitStack() as files:
            for path in self.shares:
                try:
                    arrays = files.enter_context(opened_arrays(path))
                    if str(arrays["key"]) != self.key:
                        raise ReadWriteError("it is of other inputs", path)
                    found.append(Share.of(arrays))
                except (ReadWriteError, KeyError) as error:
                    self.detail(f"targets of a share are fitted again: {error}")
            yield found

    def keeping(self, n_windows: int) -> Keeping | None:
        """What is kept, in files of the scratch folder; None where nothing is.

        Parameters
        ----------
        n_windows : targets that are made of one response, of which the first is kept.
        """
        if not self.save or self.scratch is None:
            return None
        return Keeping(self.save, partial(scratch_array, self.scratch), n_windows)
