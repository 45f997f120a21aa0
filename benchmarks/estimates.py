"""What a fit should take against what it takes: `python -m benchmarks.estimates`.

The default analysis on features of the demo's shapes and of real models' (`benchmarks.study`), at several numbers of
samples and targets: seconds as they are foreseen and as they were, stage by stage, and memory. A bar each: no more
than twice, no less than half.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.bars import Bar, run_bars
from benchmarks.study import DEMO, REAL, TR_S, everything, make_runs
from bids_app.execution import Stages
from bids_app.execution.cost import fit_mb, pace
from bids_app.pipeline.job.job import Job, make_job
from bids_app.pipeline.watching.expected import Shapes, fit_seconds, fit_size
from bids_app.process import keep_freed_memory, limit_threads
from bids_app.records import ModelSource, RecordingQuery
from bids_app.settings.run_options import RunOptions

SIZES = ((320, 50, "demo"), (760, 402, "demo"), (760, 2000, "demo"), (320, 400, "real"), (760, 402, "real"))

MODELS = {"word_embedding": "semantic", "speech_model": "speech", "language_model": "language"}


def estimates(quick: bool) -> list[Bar]:
    """Each size in a process of its own, so that memory is its own (quick: the first alone)."""
    bars = []
    for n, n_targets, shapes in SIZES[:1] if quick else SIZES:
        command = [sys.executable, "-m", "benchmarks.estimates", "one", str(n), str(n_targets), shapes]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        print("\n".join(f"  {line}" for line in said[:-1]), flush=True)
        foreseen, took = map(float, said[-1].split())
        bars.append(Bar(f"{shapes}-{n}-{n_targets}", max(foreseen / took, took / foreseen), 2, "times apart"))
    return bars


def one(n: int, n_targets: int, shapes: str) -> None:
    """One size: a line a stage, memory, and last the seconds foreseen and taken."""
    runs, stages, job = make_runs(n, n_targets, {"demo": DEMO, "real": REAL}[shapes]), Stages(), _job(shapes)
    size = Shapes("fmri", n, n_targets, len(runs), n * TR_S)
    foreseen = fit_seconds(size, job, pace())
    began = time.perf_counter()
    everything(runs, stages)
    took = time.perf_counter() - began
    print(f"{n} × {n_targets}, {shapes} shapes: foreseen {sum(foreseen.values()):.0f} s, took {took:.0f} s")
    for name, seconds in stages.spent_s.items():
        print(f"  {name}: foreseen {foreseen.get(name, 0.0):.1f} s, took {seconds:.1f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(f"  memory: foreseen {fit_mb(fit_size(size, job), 0, None):.0f} MB, took {peak:.0f} MB")
    print(sum(foreseen.values()), took)


def _job(shapes: str) -> Job:
    """The default analysis; with principal components, where features have the demo's shapes."""
    from bids_app.settings.load import preset_text

    text = preset_text("speech-language")
    if shapes == "demo":
        for kind, n in (("n_mels: 80", DEMO["acoustic"]), ("articulatory", DEMO["phonetic"])):
            text = text.replace(kind, f"{kind}, pca: {n}")
        for kind, space in (
            ("word_embedding", "semantic"),
            ("speech_model", "speech"),
            ("language_model", "language"),
        ):
            text = text.replace(f"kind: {kind},", f"kind: {kind}, pca: {DEMO[space]},")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "analysis.yaml"
        path.write_text(text)
        query = RecordingQuery(bids_dir=Path(folder), out_dir=Path(folder) / "out")
        return make_job(RunOptions(query, ("participant",), str(path), ModelSource(None, True, "cpu")))


if __name__ == "__main__":
    keep_freed_memory()
    limit_threads(None)
    if sys.argv[1:2] == ["one"]:
        one(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    else:
        sys.exit(run_bars({"estimates": estimates}))
