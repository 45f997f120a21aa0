"""How many targets are held at a time, from a limit on memory and from shapes alone, so that results repeat.

Targets are computed in blocks of fixed width, and a limit only decides how many blocks share the decompositions of a
batch: a product's last bits depend on its shape, so with the same blocks results are the same whatever the limit.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from bids_app.encoding.ridge.splits import SPANNED_ROWS
from bids_app.encoding.side_by_side import workers
from bids_app.records import Array, Design

BLOCK_WIDTH = {"cpu": 2048, "cuda": 8192}  # targets of a block at most
LEAST_WIDTH, NEAR_CACHE = 1024, 2**22  # on a CPU: targets that are worth a block; numbers of one that are read fast
NARROWEST, MOST_BYTES = 256, 10**9  # targets at least; what is held of a block at most
BASE_MB = 600  # interpreter and libraries, before any data
DEFAULT_MB = 5500
MAPPED = 32 * 1024**2  # bytes of a memory map that may be in memory at a time: the kernel maps far more than is read


@dataclass(frozen=True)
class Size:
    """What memory depends on.

    Parameters
    ----------
    n_columns : of all bands.
    largest : columns of the candidate that has the most.
    products : numbers in Gram matrices, of all pairs of bands that meet in a candidate of few columns.
    n_kernels : bands of candidates that have more columns than training samples.
    n_folds, n_unions : of the fit.
    n_bands : of all questions, counted for each.
    n_candidates : of all unions.
    n_penalties : alphas that each distinct one of them may take, summed over all.
    search, final : bytes of a number in the search and in the final fit.
    weights : columns whose weights are kept.
    observed : bytes that observers hold for every target of a batch, and for every sample.
    workers : candidates that are computed side by side (`side_by_side.workers`).
    keeps_splits : whether the columns of all outer folds are kept, with their products; else of one.
    chosen : numbers of the blocks of targets that are fitted; None: all.
    """

    n_columns: int
    largest: int
    products: int
    n_kernels: int
    n_folds: int
    n_unions: int
    n_bands: int
    n_candidates: int
    n_penalties: int
    search: int
    final: int
    weights: int
    observed: tuple[int, int]
    workers: int = 0
    keeps_splits: bool = False
    chosen: tuple[int, ...] | None = None


def with_workers(design: Design, size: Size, device: str, mem_mb: int | None) -> Size:
    """The size with so many workers that the fit takes the least time: they share a batch's decompositions, but each
    takes memory, of which less is left for targets, so that there may be more batches.

    Parameters
    ----------
    design, device, mem_mb : as of `batches`.
    size : of the fit, with one worker.
    """
    most = workers(device, min(len(design.Y), size.largest))

    def time(n_workers: int) -> float:
        """As much for the targets of all batches as for the decompositions of one, shared by the workers."""
        more = replace(size, workers=n_workers)
        if n_workers > 1 and _n_blocks(design, more, device, mem_mb) < 1:
            return float("inf")
        return (1 + len(batches(design, more, device, None if n_workers == 1 else mem_mb))) / n_workers

    return replace(size, workers=min(range(1, most + 1), key=time, default=0))


def keeping_splits(design: Design, size: Size, device: str, mem_mb: int | None, twice: bool) -> Size:
    """The size with the columns of all outer folds kept, where they are asked for again and there is memory for them
    beside as many targets.

    Parameters
    ----------
    design, device, mem_mb : as of `batches`.
    size : of the fit.
    twice : whether each batch goes through the folds twice.
    """
    kept = replace(size, keeps_splits=True)
    n_batches = len(batches(design, size, device, mem_mb))
    again = size.n_folds > 1 and n_batches * (1 + twice) > 1
    fits = _n_blocks(design, kept, device, mem_mb) >= 1 and len(batches(design, kept, device, mem_mb)) == n_batches
    return kept if again and fits else size


def batches(design: Design, size: Size, device: str, mem_mb: int | None) -> list[list[Array]]:
    """Batches of the blocks of usable targets that are fitted.

    Parameters
    ----------
    design : what is fitted.
    size : of the fit.
    device : which decides the width of blocks (`block_width`).
    mem_mb : limit on the memory of the whole process, in MB (10⁶ bytes).

    Returns
    -------
    Of each batch its blocks: targets' columns in Y.

    Raises
    ------
    MemoryError
        Where not one block fits.
    """
    blocks = target_blocks(design, size, device)
    if size.chosen is not None:
        blocks = [blocks[number] for number in size.chosen]
    at_once = _n_blocks(design, size, device, mem_mb)
    if at_once < 1 and mem_mb is not None:
        width = block_width(design, size, device)
        needed = fixed_bytes(design, size, width) + target_bytes(design, size) * width
        raise MemoryError(f"this fit needs at least {needed / 1e6:.0f} MB, more than {mem_mb} MB")
    step = max(1, at_once)
    return [blocks[at : at + step] for at in range(0, len(blocks), step)]


def target_blocks(design: Design, size: Size, device: str) -> list[Array]:
    """All usable targets, their columns in Y, in blocks of fixed width: a limit on memory only decides how many of
    them share a batch, and whoever fits a share of a unit fits whole blocks.

    Parameters
    ----------
    design, size, device : as of `batches`.
    """
    width, usable = block_width(design, size, device), np.flatnonzero(design.usable)
    return [usable[at : at + width] for at in range(0, len(usable), width)]


def pieces(responses: Sequence[torch.Tensor], most: int) -> list[slice]:
    """Places of a batch's targets, so many together at most, and none of two blocks: what is made of them together
    does not hang on which blocks share a batch.

    Parameters
    ----------
    responses : of the blocks, as `Observer.begin` is given them.
    most : targets.
    """
    found, start = [], 0
    for block in responses:
        stop = start + block.shape[1]
        found += [slice(first, min(first + most, stop)) for first in range(start, stop, most)]
        start = stop
    return found


def block_width(design: Design, size: Size, device: str) -> int:
    """Targets of a block, by shapes alone, so that results repeat whatever the limit on memory.

    On a CPU as many as lie near the cache with their responses and coordinates: what is done of each candidate and
    alpha takes about as long for a few targets as for a hundred. But not so many that what is held of a block takes
    more than `MOST_BYTES`.

    Parameters
    ----------
    design, size : what is fitted.
    device : a GPU wants many in any case.
    """
    kind, usable = torch.device(device).type, int(design.usable.sum())
    most = min(BLOCK_WIDTH[kind], max(1, usable))
    if kind != "cpu":
        return most
    near = NEAR_CACHE // (len(design.Y) + min(len(design.Y), size.largest))
    allowed = int(MOST_BYTES / target_bytes(design, size))
    return min(most, max(LEAST_WIDTH, _power_of_two(near)), max(NARROWEST, _power_of_two(allowed)))


def _power_of_two(number: int) -> int:
    """The largest that is no larger."""
    return 1 << max(0, number.bit_length() - 1)


def _n_blocks(design: Design, size: Size, device: str, mem_mb: int | None) -> int:
    """For how many blocks there is memory beside the fixed part."""
    width = block_width(design, size, device)
    left = 1e6 * (mem_mb or DEFAULT_MB) - fixed_bytes(design, size, width)
    return int(left / (target_bytes(design, size) * width))


def target_bytes(design: Design, size: Size) -> int:
    """Bytes held for every target of a batch: responses, products with the columns, errors; of a fit of this size.

    Parameters
    ----------
    design : what is fitted; its samples count.
    size : columns, candidates, their alphas and bytes a number.
    """
    # responses are held in both types where they differ
    types = size.final + (size.search if size.search != size.final else 0)
    # X'y of the outer split in both types, of an inner one on training and evaluation rows in the search's
    products = size.n_columns * (types + 2 * size.search)
    # and responses of both in the directions that bands span
    products += len(design.Y) * types if _may_span(design, size) else 0
    # errors at every alpha, then the best alpha and its error
    errors = size.n_penalties * size.search + 16 * size.n_candidates
    return len(design.Y) * types + products + errors + size.observed[0]


def fixed_bytes(design: Design, size: Size, width: int) -> int:
    """Bytes held whatever the batch: the design as it is in memory, columns, their products, and of each worker a
    decomposition and a block.

    Parameters
    ----------
    design, size : what is fitted.
    width : targets of a block.
    """
    n, columns, rank = len(design.Y), size.n_columns, min(len(design.Y), size.largest)
    # a memory map of responses is read block by block and so not counted
    given = sum(band.nbytes for band in design.bands.values())
    given += 0 if isinstance(design.Y, np.memmap) else design.Y.nbytes
    scores = 4 * size.n_folds * size.n_unions + 6 * size.n_unions + 3 * size.n_bands * len(design.delays_s)
    scores += size.n_folds * (1 + size.n_bands)
    results = len(design.usable) * (8 * scores + 4 * size.weights * size.n_folds)
    # besides the split: columns as they are put together, Gram matrices of an inner split and of two candidates, or
    # the kernels of one; nuisance twice, as its parts are put together
    making = n * (columns * 8 * 2 + size.observed[1]) + 8 * (size.products + 2 * min(size.products, rank**2))
    making += 8 * 3 * n**2 if size.n_kernels else 0
    # kernels of an inner split in both types, and the directions
    making += (size.n_kernels * (8 + size.search) + 8) * n**2 if _may_span(design, size) else 0
    return (
        int(1e6 * BASE_MB)
        + given
        + results
        + _split_bytes(design, size) * (size.n_folds if size.keeps_splits else 1)
        + making
        + 8 * _n_nuisance(design) * (columns + n)
        + 8 * 8 * rank**2
        + width * size.final * (4 * n + 8 * rank + 2 * size.largest)
        + max(0, size.workers - 1) * _worker_bytes(design, size, width)
    )


def _split_bytes(design: Design, size: Size) -> int:
    """Of an outer fold: columns in both types, Gram matrices, kernels in both types and in spanned directions,
    nuisance of its rows, and what columns lost of it."""
    n = len(design.Y)
    types = 8 + size.search
    columns = n * size.n_columns * types + 8 * size.products
    kernels = size.n_kernels * n**2 * (types + (8 if _may_span(design, size) else 0))
    return columns + kernels + 8 * _n_nuisance(design) * (size.n_columns + n * (size.n_kernels + 2))


def _may_span(design: Design, size: Size) -> bool:
    """Whether kernels may be held in fewer directions too (`Split.spanned`), as a training set is at least half."""
    return size.n_kernels > 0 and _n_nuisance(design) > 0 and len(design.Y) <= 2 * SPANNED_ROWS


def _n_nuisance(design: Design) -> int:
    return sum(basis.shape[1] for basis in design.nuisance) if design.residualised else 0


def _worker_bytes(design: Design, size: Size, width: int) -> int:
    """What a further worker takes: a decomposition, of the smaller of Gram matrix and kernel, and a block in the
    directions of the one, with its weights once."""
    n = len(design.Y)
    rank = min(n, size.largest)
    # directions of a candidate, as observers have them of columns, and what alphas make of these
    observed = int(1.5 * n * size.observed[1] * rank / max(1, size.n_columns))
    return 8 * 8 * rank**2 + width * size.final * (4 * n + 8 * rank + 2 * size.largest) + observed


def load(source: Array, columns: Array, dtype: torch.dtype, device: str) -> torch.Tensor:
    """Some targets' responses, in memory of their own.

    Less each column's mean: products in float32 want responses near zero, and a constant changes no result but its
    rounding.

    Parameters
    ----------
    source : (n_times, n_targets), an array or a memory map.
    columns : (n,) ascending.
    dtype, device : of the result.

    Returns
    -------
    (n_times, n).
    """
    # neighbouring columns as a slice: a view, where a list of columns would be copied
    chosen: slice | Array = columns
    if columns[-1] - columns[0] + 1 == len(columns):
        chosen = slice(columns[0], columns[-1] + 1)
    pages: object = source.base
    read = np.empty((len(source), len(columns)), source.dtype)
    step = max(1, MAPPED // (source.shape[1] * source.itemsize))
    for at in range(0, len(source), step):
        read[at : at + step] = source[at : at + step, chosen]
        if isinstance(pages, mmap.mmap):  # pages about what was read would count as our memory
            pages.madvise(mmap.MADV_DONTNEED)
    Y = torch.as_tensor(read, device=device).to(dtype)
    return Y.sub_(Y.mean(dim=0))
