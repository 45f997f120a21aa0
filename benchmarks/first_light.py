"""Time and memory of the demo (made and analysed) and of the Alice run: `python -m benchmarks.first_light`.

The Alice data are looked for at $CONCORD_REALDATA or ../shared/data, and left out where absent.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from benchmarks.bars import Bar, measure, run_bars

BIN = Path(sys.executable).parent
REALDATA = Path(os.environ.get("CONCORD_REALDATA", Path(__file__).parents[2] / "shared" / "data"))


def demo(quick: bool) -> list[Bar]:
    """The demo from nothing to reports: under 5 minutes and 4 GB on two cores; `quick` changes nothing."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = measure([str(BIN / "concord-tools"), "demo", str(folder / "demo")], folder / "make.log")
        command = [str(BIN / "concord"), str(folder / "demo/bids"), str(folder / "demo/out"), "participant", "group"]
        command += ["--analysis", "demo", "--model-dir", str(folder / "demo/models"), "--offline"]
        analysed = measure(command, folder / "run.log")
        if made.code or analysed.code:
            print((folder / "run.log").read_text())
    return [
        Bar("demo-exit", made.code + analysed.code, 0, "code"),
        Bar("demo-make-seconds", made.seconds, 120, "s"),
        Bar("demo-seconds", made.seconds + analysed.seconds, 300, "s"),
        Bar("demo-peak-memory", max(made.peak_mb, analysed.peak_mb), 4096, "MB"),
    ]


def alice(quick: bool) -> list[Bar]:
    """28 participants, six regions, word rate: participant and group; `quick` changes nothing."""
    data = REALDATA / "alice"
    if not data.is_dir():
        print(f"alice: no data at {REALDATA}")
        return []
    with tempfile.TemporaryDirectory() as name:
        command = [str(BIN / "concord"), str(data), str(Path(name) / "out"), "participant", "group"]
        command += ["-d", str(data / "derivatives/roi"), "--space", "Brennan10mm", "--analysis", "word-rate"]
        ran = measure(command, Path(name) / "run.log")
    return [
        Bar("alice-exit", abs(ran.code - 1), 0, "code"),  # 1: sub-33's file is all zeros
        Bar("alice-seconds", ran.seconds, 180, "s"),
        Bar("alice-peak-memory", ran.peak_mb, 2048, "MB"),
    ]


if __name__ == "__main__":
    sys.exit(run_bars({"demo": demo, "alice": alice}))
