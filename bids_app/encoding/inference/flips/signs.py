"""Sign vectors that form a group, so that what they make of a statistic is a Walsh–Hadamard transform.

Each unit has a code, a number below 2^m, and its sign in vector x is −1 to the power of the bits that code and x have
in common. These 2^m vectors, the data as they are among them, are a group: one times another is a third. A test by a
group of flips is exact, as one by all flips or by vectors drawn at random is (Hemerik & Goeman 2018, TEST 27:811, who
take such groups; codes are drawn, so no unit has a place of its own). What a pair of units adds under x depends on
the one code of both, the exclusive or: so a quadratic form in n signs is 2^m numbers, transformed, whatever n is,
where a product with the n² / 2 pairs would cost n² / 2 for every vector.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import hadamard

from bids_app.encoding.side_by_side import made_once
from bids_app.records import Array


def n_sign_vectors(permutations: int, n_units: int | None = None) -> int:
    """How many vectors there are, the data as they are included: 1 + permutations or the next power of two, and all
    2^n of n units where these are fewer.

    Parameters
    ----------
    permutations : vectors asked for beside the data as they are.
    n_units : how many signs a vector has; None: enough.
    """
    enough = permutations.bit_length()
    return 1 << (enough if n_units is None else min(n_units, enough))


def draw_signs(n_units: int, permutations: int, seed: int) -> Array:
    """Sign vectors, drawn once for all batches, so that max-T is exact.

    Parameters
    ----------
    n_units : how many signs a vector has.
    permutations : vectors asked for beside the data as they are.
    seed : of the draws.

    Returns
    -------
    (`n_sign_vectors`, n_units) of ±1, all different, the first row all 1: the data as they are.
    """
    return Signs.draw(n_units, permutations, seed, torch.float64).vectors.numpy()


@dataclass(frozen=True)
class Signs:
    """Sign vectors of some units.

    Parameters
    ----------
    codes : (n_units,) each unit's, below 2^n_bits.
    n_bits : there are 2^n_bits vectors.
    dtype, device : of what is multiplied with signs.
    """

    codes: Array
    n_bits: int
    dtype: torch.dtype
    device: str | torch.device

    @classmethod
    def draw(
        cls, n_units: int, permutations: int, seed: int, dtype: torch.dtype, device: str | torch.device = "cpu"
    ) -> Signs:
        """Those of `draw_signs`.

        Parameters
        ----------
        n_units, permutations, seed : as of `draw_signs`.
        dtype, device : of what is multiplied with them.
        """
        n_bits = min(n_units, permutations.bit_length())
        return cls(_draw_codes(n_units, n_bits, seed), n_bits, dtype, device)

    @property
    def with_kept(self) -> Signs:
        """The same with one more unit, the last, whose sign is always one."""
        return Signs(np.append(self.codes, 0), self.n_bits, self.dtype, self.device)

    @made_once
    def vectors(self) -> torch.Tensor:
        """(n_vectors, n_units) of ±1, the first row all 1."""
        odd = np.bitwise_count(np.arange(2**self.n_bits)[:, None] & self.codes) & 1
        return torch.as_tensor(1.0 - 2.0 * odd, dtype=self.dtype, device=self.device)

    @property
    def pair_codes(self) -> Array:
        """(n_units, n_units) of each pair its one code; 0 for a unit with itself."""
        return np.asarray(self.codes[:, None] ^ self.codes)

    def transform(self, of_codes: torch.Tensor) -> torch.Tensor:
        """What is known of each code, summed under every vector's signs.

        Parameters
        ----------
        of_codes : (n_vectors, n) a row a code, contiguous.

        Returns
        -------
        (n_vectors, n).
        """
        # the matrix of all is the Kronecker product of two small ones, of the upper bits and of the lower ones
        upper, lower = self._halves
        rows = (upper @ of_codes.view(len(upper), -1)).view(len(upper), len(lower), -1)
        return torch.matmul(lower, rows).view(len(of_codes), -1)

    @made_once
    def _halves(self) -> tuple[torch.Tensor, torch.Tensor]:
        sizes = 2 ** (self.n_bits // 2), 2 ** (self.n_bits - self.n_bits // 2)
        upper, lower = (torch.as_tensor(hadamard(size), dtype=self.dtype, device=self.device) for size in sizes)
        return upper, lower


def _draw_codes(n_units: int, n_bits: int, seed: int) -> Array:
    """Codes (n_units,) that no smaller group would do for, none twice before all were taken."""
    own = 1 << np.arange(n_bits)
    if n_units == n_bits or not n_bits:
        return np.resize(own, n_units)  # bit b of the row's number is the sign of unit b
    rng, every = np.random.default_rng(seed), np.arange(1, 2**n_bits)
    others = rng.permutation(every[np.bitwise_count(every) > 1])
    # one of an even number of bits among them: then no vector is the opposite of another, and a quadratic form, which
    # is the same for both, is not met twice
    even = np.flatnonzero(np.bitwise_count(others) % 2 == 0)[:1]
    others = np.concatenate([others[even], np.delete(others, even)])
    rest = np.concatenate([others, *[rng.permutation(every)] * (n_units // len(every) + 1)])
    return rng.permutation(np.concatenate([own, rest[: n_units - n_bits]]))
