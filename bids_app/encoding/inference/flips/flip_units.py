"""Flip units, whose signs are flipped as wholes: blocks of time, or groups of frequencies of the discrete cosine
transform.

Flips of time blocks cut what reaches from one block into the next; with smooth responses and smooth features that is
much of the null's variance, and blocks long enough would be too few. Cosine coefficients of a stretch of stationary
noise are nearly uncorrelated (the transform is asymptotically that of its principal components; Ahmed et al. 1974,
Unser 1984), so flips of frequencies keep its autocorrelation whole, as a circular shift does. They do not keep what
changes over time, as blocks do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bids_app.encoding.ridge.splits import row_slices
from bids_app.encoding.side_by_side import made_once
from bids_app.records import Array

PIECE = 4  # coefficients that one more piece costs: its share of a product, beside those it is filled up with
GROUPS = 64  # of frequencies: pairs of coefficients of one group, 1 in 64, keep their relative sign


@dataclass(frozen=True)
class Pieces:
    """Flip units cut into pieces of one length, so that products unit by unit are products of whole arrays.

    Units are mostly as long as each other, and are then one piece each; where some are far longer, as blocks of what
    is heard many times, the others are not filled up to their length.

    Parameters
    ----------
    length : coefficients of a piece; what a unit lacks of whole pieces is filled up with zeros.
    units : (n_pieces,) int64 the unit of each, ascending.
    place : (n_times,) int64 of each coefficient, its number in all pieces one after another.
    """

    length: int
    units: torch.Tensor
    place: torch.Tensor

    @classmethod
    def of(cls, labels: torch.Tensor, count: int) -> Pieces:
        """The cheapest length for units (n_times,) 0 … count − 1."""
        sizes = torch.bincount(labels, minlength=count)
        # with the mean among them no more is filled up than there is
        lengths = torch.unique(torch.cat([sizes.clamp_min(1), sizes.new_tensor([-(-len(labels) // count)])]))
        n_pieces = (sizes[:, None] + lengths - 1).div(lengths, rounding_mode="floor").clamp_min(1)
        best = (n_pieces.sum(dim=0) * (lengths + PIECE)).argmin()
        length, n_pieces = int(lengths[best]), n_pieces[:, best]
        order = torch.argsort(labels, stable=True)
        rank = torch.empty_like(labels)
        rank[order] = torch.arange(len(labels), device=labels.device) - (sizes.cumsum(0) - sizes)[labels[order]]
        units = torch.repeat_interleave(torch.arange(count, device=labels.device), n_pieces)
        return cls(length, units, (n_pieces.cumsum(0) - n_pieces)[labels] * length + rank)

    def spread(self, values: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        """Values (n_rows, m) of some coefficients → (n_pieces, length, m), zero for all others.

        Parameters
        ----------
        values : of the coefficients.
        place : (n_rows,) theirs.
        """
        spread = values.new_zeros((len(self.units) * self.length, values.shape[1]))
        return spread.index_copy_(0, place, values).reshape(len(self.units), self.length, -1)

    def runs(self, rows: torch.Tensor) -> list[slice]:
        """Pieces that hold some coefficients (n_rows,), as few contiguous ones."""
        there = torch.unique(self.place[rows] // self.length).cpu().numpy()
        return row_slices(there)


@dataclass(frozen=True)
class FlipUnits:
    """Which coefficients of a response change their sign together.

    Coefficients are the samples themselves, or the cosine transform of each segment, in place of its samples.

    Parameters
    ----------
    labels : (n_times,) int64, the unit of each coefficient, 0 … count − 1.
    count : how many units there are.
    segments : row numbers of each segment, none for samples; each is all test or all training samples of any outer
        fold, but for purged ones.
    """

    labels: torch.Tensor
    count: int
    segments: tuple[torch.Tensor, ...] = ()

    @made_once
    def pieces(self) -> Pieces:
        """The units' coefficients side by side."""
        return Pieces.of(self.labels, self.count)

    def responses(self, Y: torch.Tensor) -> torch.Tensor:
        """Coefficients of responses, target by target in pieces.

        Parameters
        ----------
        Y : (n_times, n) of all samples.

        Returns
        -------
        (n, n_pieces · length).
        """
        pieces = self.pieces
        laid_out = Y.new_zeros((Y.shape[1], len(pieces.units) * pieces.length))
        return laid_out.index_copy_(1, pieces.place, self.coefficients(Y, np.arange(len(Y))).T)

    def rows(self, numbers: Array) -> torch.Tensor:
        """Row numbers where the labels are."""
        return torch.as_tensor(numbers, device=self.labels.device)

    def indicator(self, rows: Array, dtype: torch.dtype) -> torch.Tensor:
        """(n_times, 1) coefficients of one at these samples and zero at all others.

        Parameters
        ----------
        rows : (n_rows,) row numbers of the samples.
        dtype : of the coefficients.
        """
        return self.coefficients(torch.ones((len(rows), 1), dtype=dtype, device=self.labels.device), rows)

    def coefficients(self, values: torch.Tensor, rows: Array) -> torch.Tensor:
        """Coefficients of values that are zero in all other samples.

        Parameters
        ----------
        values : (n_rows, n) of some samples.
        rows : (n_rows,) their row numbers.

        Returns
        -------
        (n_times, n).
        """
        # samples that are not given are zero before the transform
        padded = values.new_zeros((len(self.labels), values.shape[1])).index_copy_(0, self.rows(rows), values)
        for segment in self.segments:
            padded[segment] = cosine_transform(padded[segment])
        return padded


def time_flip_units(labels: Array, device: torch.device | str = "cpu") -> FlipUnits:
    """Blocks of time.

    Parameters
    ----------
    labels : (n_times,) each sample's block.
    device : of the labels.
    """
    return FlipUnits(torch.as_tensor(labels, dtype=torch.int64, device=device), int(labels.max()) + 1)


def frequency_flip_units(
    runs: Array, folds: Array, device: torch.device | str = "cpu", first_heard: tuple[Array, Array] | None = None
) -> FlipUnits:
    """Groups of frequencies of each stretch of one run and outer fold.

    Coefficients are dealt to groups in order of frequency, so that the low ones, which carry most of smooth noise,
    lie in different groups. Stretches in which the same is heard from beginning to end have the same groups: noise
    that is locked to the stimulus has the same coefficients in each.

    Parameters
    ----------
    runs, folds : (n_times,).
    device : of the labels.
    first_heard : (n_times,) each, the run and the time in which each sample's second of its stimulus was first heard;
        None: nothing is heard twice.
    """
    _, segment = np.unique(np.stack([runs, folds]), axis=1, return_inverse=True)
    members = [np.flatnonzero(segment == number) for number in range(segment.max() + 1)]
    alike = range(len(members)) if first_heard is None else _first_alike(members, runs, *first_heard)
    own = np.concatenate([rows for number, rows in enumerate(members) if alike[number] == number])
    # frequency as a share of the highest, so that stretches of unequal length are dealt out alike
    frequency = np.empty(len(runs))
    for rows in members:
        frequency[rows] = np.arange(len(rows)) / len(rows)
    own.sort()
    labels = np.empty(len(runs), dtype=np.int64)
    labels[own[np.argsort(frequency[own], kind="stable")]] = np.arange(len(own)) % GROUPS
    for rows, first in zip(members, alike, strict=True):
        theirs = members[first]
        labels[rows] = labels[theirs[np.minimum(np.arange(len(rows)), len(theirs) - 1)]]
    segments = tuple(torch.as_tensor(rows, device=device) for rows in members)
    return FlipUnits(torch.as_tensor(labels, device=device), min(GROUPS, len(own)), segments)


def _first_alike(members: Sequence[Array], runs: Array, first_runs: Array, times_s: Array) -> list[int]:
    """Of each stretch the first one, of another run, that begins and ends with the same second of a stimulus, within
    two samples."""
    alike: list[int] = []
    for number, rows in enumerate(members):
        ends, step_s = rows[[0, -1]], np.median(np.abs(np.diff(times_s[rows]))) if len(rows) > 1 else 0.0
        same = (
            earlier
            for earlier in alike
            if runs[rows[0]] != runs[members[earlier][0]]
            and (first_runs[ends] == first_runs[members[earlier][[0, -1]]]).all()
            and (np.abs(times_s[ends] - times_s[members[earlier][[0, -1]]]) <= 2 * step_s).all()
        )
        alike.append(next(same, number))
    return alike


def cosine_transform(values: torch.Tensor) -> torch.Tensor:
    """Orthonormal DCT-II down the rows of (n, n_columns), by one complex FFT (Makhoul 1980)."""
    n = len(values)
    if not values.numel():
        return values  # MKL's FFT refuses to transform nothing
    # even samples ascending, then odd ones descending: a DFT of this, turned, is the DCT
    folded = torch.fft.fft(torch.cat([values[::2], values[1::2].flip(0)]), dim=0)
    turn = torch.arange(n, dtype=values.dtype, device=values.device)[:, None] * (torch.pi / (2 * n))
    scale = torch.full_like(turn, math.sqrt(2 / n))
    scale[0] = math.sqrt(1 / n)
    transformed: torch.Tensor = scale * (turn.cos() * folded.real + turn.sin() * folded.imag)
    return transformed


def sums(values: torch.Tensor, labels: torch.Tensor, count: int) -> torch.Tensor:
    """Sums of rows by label.

    Parameters
    ----------
    values : (n, n_targets).
    labels : (n,) int.
    count : of labels.

    Returns
    -------
    (count, n_targets).
    """
    return values.new_zeros((count, values.shape[1])).index_add_(0, labels, values)
