"""How many targets are held at a time, from a limit on memory and from shapes alone, so that results repeat.

Targets are computed in blocks of fixed width, and a limit only decides how many blocks share the decompositions of a
batch: a product's last bits depend on its shape, so with the same blocks results are the same whatever the limit.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass, replace

import numpy as np
import torch

from bids_app.encoding.side_by_side import workers
from bids_app.records import Array, Design

BLOCK_WIDTH = {"cpu": 4096, "cuda": 8192}  # targets of a block at most
LEAST_WIDTH, NEAR_CACHE = 1024, 2**22  # on a CPU: targets at least; numbers of a block that are read fast
BASE_MB = 600  # interpreter and libraries, before any data
DEFAULT_MB = 4096
MAPPED = 32 * 1024**2  # bytes of a memory map that may be in memory at a time: the kernel maps far more than is read


@dataclass(frozen=True)
class Size:
    """What memory depends on.

    Parameters
    ----------
    n_columns : of all bands.
    n_folds, n_unions : of the fit.
    n_candidates : distinct ones of all unions.
    n_penalties : alphas that each of them may take, summed over all.
    search, final : bytes of a number in the search and in the final fit.
    weights : whether weights are kept.
    observed : bytes that observers hold for every target of a batch, and for every sample of every column.
    workers : candidates that are computed side by side (`side_by_side.workers`).
    """

    n_columns: int
    n_folds: int
    n_unions: int
    n_candidates: int
    n_penalties: int
    search: int
    final: int
    weights: bool
    observed: tuple[int, int]
    workers: int = 0


def with_workers(design: Design, size: Size, device: str, mem_mb: int | None) -> Size:
    """The size with as many workers as there are threads, but no more than a quarter of what the limit leaves allows.

    Parameters
    ----------
    design, device, mem_mb : as of `batches`.
    size : of the fit, with one worker.
    """
    width = block_width(design, size, device)
    left = 1e6 * (mem_mb or DEFAULT_MB) - fixed_bytes(design, size, width)
    most = 1 + max(0, int(left / 4 / _worker_bytes(design, size, width)))
    return replace(size, workers=workers(device, min(len(design.Y), size.n_columns), most))


def batches(design: Design, size: Size, device: str, mem_mb: int | None) -> list[list[Array]]:
    """Batches of blocks of usable targets.

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
    width = block_width(design, size, device)
    usable = np.flatnonzero(design.usable)
    # blocks have a fixed width, and a limit only decides how many of them share a batch: see above
    blocks = [usable[at : at + width] for at in range(0, len(usable), width)]
    limit = 1e6 * (mem_mb or DEFAULT_MB)
    # what is left beside the fixed part, in whole blocks
    fixed, each = fixed_bytes(design, size, width), target_bytes(design, size)
    at_once = int((limit - fixed) / (each * width))
    if at_once < 1 and mem_mb is not None:
        raise MemoryError(f"this fit needs at least {(fixed + each * width) / 1e6:.0f} MB, more than {mem_mb} MB")
    step = max(1, at_once)
    return [blocks[at : at + step] for at in range(0, len(blocks), step)]


def block_width(design: Design, size: Size, device: str) -> int:
    """Targets of a block, by shapes alone, so that results repeat whatever the limit on memory.

    On a CPU as many as lie near the cache with their responses and coordinates: what is done of each candidate and
    alpha takes about as long for a few targets as for a hundred.

    Parameters
    ----------
    design, size : what is fitted.
    device : a GPU wants many in any case.
    """
    kind, usable = torch.device(device).type, int(design.usable.sum())
    most = min(BLOCK_WIDTH[kind], max(1, usable))
    if kind != "cpu":
        return most
    near = NEAR_CACHE // (len(design.Y) + min(len(design.Y), size.n_columns))
    return min(most, max(LEAST_WIDTH, 1 << max(0, near.bit_length() - 1)))


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
    n, columns = len(design.Y), size.n_columns
    # a memory map of responses is read block by block and so not counted
    given = sum(band.nbytes for band in design.bands.values())
    given += 0 if isinstance(design.Y, np.memmap) else design.Y.nbytes
    scores = 4 * size.n_folds * size.n_unions + 6 * size.n_unions + 3 * len(design.bands) * len(design.delays_s)
    scores += size.n_folds * (1 + len(design.bands))
    results = 8 * len(design.usable) * scores
    results += len(design.usable) * 4 * columns * size.n_folds if size.weights else 0
    grams = 8 * columns**2 * 4 if columns <= n else n**2 * (8 * 3 + (8 + size.search) * len(design.bands))
    # nuisance, and what columns lost of it, twice as the parts are put together; with the kernels of these
    q = sum(basis.shape[1] for basis in design.nuisance) if design.residualised else 0
    lost = 8 * q * (2 * columns + n * (3 + len(design.bands)))
    return (
        int(1e6 * BASE_MB)
        + given
        + results
        + n * columns * (8 * 3 + size.search + size.observed[1])
        + grams
        + lost
        + 8 * 8 * min(n, columns) ** 2
        + width * size.final * (4 * n + 8 * columns)
        + max(0, size.workers - 1) * _worker_bytes(design, size, width)
    )


def _worker_bytes(design: Design, size: Size, width: int) -> int:
    """What a further worker takes: a decomposition, of the smaller of Gram matrix and kernel, and a block in the
    directions of the one, with its weights once."""
    n, columns = len(design.Y), size.n_columns
    rank = min(n, columns)
    return 8 * 8 * rank**2 + width * size.final * (4 * n + 8 * rank + 2 * columns)


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
