"""What reads the values of both commands' options; each raises ArgumentTypeError, which is one line."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path


def a_path(text: str) -> Path:
    """A path that can be one, whether anything is there or not."""
    try:
        if not text:
            raise ValueError("it is empty")
        Path(text).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, characters that no name has
        raise argparse.ArgumentTypeError(f"{text[:200]!a} is no path ({error})") from None
    return Path(text)


def scheduler_address(text: str) -> str:
    """A dask scheduler's address: [tcp://|tls://]HOST:PORT."""
    if not re.fullmatch(r"(?:(?:tcp|tls)://)?(?:[\w.-]+|\[[0-9a-fA-F:.]+\]):\d{1,5}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text[:80]!a} is no address of a dask scheduler, such as tcp://node7:8786")
    return text


def slurm_time(text: str) -> str:
    """A limit of time as SLURM has it: MINUTES, [HOURS:]MINUTES:SECONDS or DAYS-HOURS[:MINUTES[:SECONDS]]."""
    if not re.fullmatch(r"\d{1,6}|\d{1,4}(:\d\d){1,2}|\d{1,4}-\d{1,2}(:\d\d){0,2}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text[:40]!a} is no time of SLURM, such as 12:00:00 or 2-00:00:00")
    return text


def sbatch_line(text: str) -> str:
    """An option of sbatch, as it stands behind #SBATCH."""
    if not text.startswith("-") or not text.isprintable():
        raise argparse.ArgumentTypeError(f"{text[:80]!a} is no option of sbatch, such as --partition=long")
    return text


def whole_number(most: int) -> Callable[[str], int]:
    """What reads a whole number.

    Parameters
    ----------
    most : that makes sense; the least is 1.
    """

    def read(text: str) -> int:
        """The number."""
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and 1 <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"{text[:40]!a} is not a whole number above 0 and up to {most}")
        return int(text)

    return read
