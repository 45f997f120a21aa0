"""Whole small data sets, spoiled and run: what must hold whatever is in them, as a list of what did not."""

import io
import json
import os
import re
import resource
import shutil
import signal
import threading
import time
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

from fuzz_samples import textgrid
from fuzz_spoil import Spoiling, files_of, spoil
from fuzz_ways import spoilings_of
from hypothesis import strategies as st
from quick_study import contents, make_quick_study

from bids_app.cli.concord import main

DOCS = Path(__file__).parents[2] / "docs/trouble.md"
TABLE = DOCS.read_text().partition("\n## By exit code\n")[2].partition("\n## ")[0]
CODES = {int(code) for row in re.findall(r"^\| ([\d, ]+) \|", TABLE, re.MULTILINE) for code in row.split(",")}
STOPPED = {130, 143}
LIMIT_S, WAITS_S, SPARE_MB = 60, 0.5, 6000
BUG = re.compile(r"a bug of Concord[^\n\t]*")
RECIPE = """\
name: fuzz
stimuli:
  - recordings: {task: story}
    sound: "stimuli/{task}{run}.wav"
    words: "stimuli/story2.TextGrid"
    language: en
    ask: {onset: seconds from the first volume to the sound}
"""
EXTRA = {  # files that the command line names
    "filters.json": '{"bold": {"run": [1, 2], "task": "story"}}',
    "labels.txt": "01\nsub-02\n",
    "recipe.yaml": RECIPE,
    "onsets.tsv": "task\trun\tonset\nstory\t1\t0\nstory\t2\t0\n",
}
ASKED = {  # what is run: further arguments
    "run": (),
    "filters": ("--bids-filter-file", "{root}/filters.json", "--dry-run"),
    "labels": ("--participant-label", "{root}/labels.txt", "--dry-run"),
    "recipe": ("--stimuli", "{root}/recipe.yaml", "--stimuli-table", "{root}/onsets.tsv", "--dry-run"),
    "analysis": ("--dry-run",),
    "models": ("--model-dir", "{root}/models", "--offline", "--dry-run", "--analysis", "{root}/models.yaml"),
}


class Case(NamedTuple):
    """What is drawn: which files are spoiled before which kind of run; `again`: OUT_DIR holds results already."""

    asked: str
    again: bool
    spoilings: tuple[Spoiling, ...]

    def plain(self):
        return {"asked": self.asked, "again": self.again, "spoilings": [list(one) for one in self.spoilings]}

    @classmethod
    def of(cls, plain):
        return cls(plain["asked"], plain["again"], tuple(map(Spoiling.of, plain["spoilings"])))


class TooLong(BaseException):
    """An example went past its limit."""


@contextmanager
def limits(seconds=LIMIT_S, spare_mb=SPARE_MB):
    """A limit of processor time, or of time in which next to none is used (it waits), and of address space beside
    what the process has. A machine that is busy with other work fails nothing."""
    began = last = time.process_time()

    def ring(number, frame):
        nonlocal last
        used, last = time.process_time() - last, time.process_time()
        if last - began > seconds or used < WAITS_S:
            raise TooLong
        signal.alarm(seconds)

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    timed = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGALRM, ring) if timed else None
    try:
        resource.setrlimit(resource.RLIMIT_AS, (held + spare_mb * 2**20, hard))
        if timed:
            signal.alarm(seconds)
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        if timed:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)


def make_fuzz_study(root):
    """Two participants, two runs, one sound; what the command line names; a folder beside that nobody may touch."""
    make_quick_study(root, ("01", "02"))
    (root / "beside").mkdir()
    (root / "beside/secret.txt").write_text("word\tstart\tend\nsecret\t0\t1\n")
    for name, text in EXTRA.items():
        (root / name).write_text(text)
    for path in sorted((root / "bids/stimuli").glob("*.wav")):  # as long as they are, and small
        shorten(path)
    rewrite_words(root / "bids/stimuli")
    return root


def rewrite_words(folder):
    """The words of one story as JSON, of the other as a TextGrid, in the place of tables."""
    first, second = (
        [line.split("\t") for line in (folder / f"story{run}.tsv").read_text().splitlines()[1:]] for run in (1, 2)
    )
    words = [{"word": word, "start": float(start), "end": float(end)} for word, start, end in first]
    (folder / "story1.json").write_text(json.dumps({"words": words}))
    rows = [(float(start), float(end) - float(start), word) for word, start, end in second]
    (folder / "story2.TextGrid").write_text(textgrid({"words": rows}))
    for run in (1, 2):
        (folder / f"story{run}.tsv").unlink()


def add_models(root):
    """A language model with its tokenizer, and an analysis that names it: a dry run reads what is not weights."""
    from tiny_models import save_language_model

    save_language_model(root / "models/tiny-gpt2")
    model = "  surprise: {kind: surprisal, model: tiny-gpt2}\n"
    (root / "models.yaml").write_text((root / "quick.yaml").read_text().replace("features:\n", f"features:\n{model}"))


def shorten(path):
    import soundfile

    sound, rate = soundfile.read(path, dtype="float32")
    soundfile.write(path, sound[:: rate // 500], 500)


def concord(root, *more, out="out"):
    """(exit code, all that was said)."""
    said = io.StringIO()
    given = [str(root / "bids"), str(root / out), "participant", "group", "--analysis", str(root / "quick.yaml")]
    with redirect_stdout(said), redirect_stderr(said):
        code = main([*given, *(one.format(root=root) for one in more)])
    return code, said.getvalue()


def state_of(root, beside):
    """Every path but those below `beside`: its time of change, size and kind, which a run must leave as they are."""
    found = {}
    for folder, names, files in os.walk(root):
        if folder == str(root):
            names[:] = [name for name in names if name != beside]
        for name in (*names, *files):
            path = Path(folder, name)
            facts = path.lstat()
            found[os.fsencode(path)] = (facts.st_mtime_ns, facts.st_size, facts.st_mode)
    return found


def faults_of(case, pristine, scratch):
    """What does not hold of a run of a case: a list of (kind, what), empty where all is well.

    pristine : a study that has been run, its results in `out`. scratch : a folder that is emptied.
    """
    root = scratch / "study"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(pristine, root, ignore=None if case.again else shutil.ignore_patterns("out"))
    spoil(root, case.spoilings)
    before = state_of(root, "out")
    try:
        with limits():
            code, said = concord(root, *ASKED[case.asked])
    except BaseException as error:
        return [("raised", f"{type(error).__name__}: {error}")]
    if TooLong.__name__ in said:  # whatever is raised, the command says it in one line
        return [("time", f"more than {LIMIT_S} s")]
    found = list(_faults(case, root, code, said))
    if state_of(root, "out") != before:
        after = state_of(root, "out")
        names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        found.append(("outside", f"changed: {names[:5]}"))
    if case.asked == "run" and not any(kind == "code" for kind, _ in found):
        found += [("other", name) for name in _others_lost(case, root, pristine)][:5]
    return found


def _faults(case, root, code, said):
    if code not in CODES - STOPPED:
        yield "code", str(code)
    out = root / "out"
    table = out / "status.tsv"
    spoiled_here = any(one.where.startswith("out/") for one in case.spoilings)
    texts = {"terminal": said}
    if table.is_file() and not table.is_symlink():
        texts["status.tsv"] = table.read_text(errors="replace")
    logs = [path for path in (out / "logs").glob("*.log") if path.is_file()] if out.is_dir() else []
    texts |= {path.name: path.read_text(errors="replace") for path in logs if not spoiled_here}
    for name, text in texts.items():
        yield from (("bug", f"{name}: {line[:300]}") for line in sorted(set(BUG.findall(text))))
        if "Traceback" in text and not name.endswith(".log"):
            yield "traceback", name
        if "out of memory" in text and not name.endswith(".log"):
            yield "memory", name
    if "\x1b" in said:
        yield "terminal", "control characters"
    yield from (("part", str(path)) for path in (out.rglob(".*.part") if out.is_dir() and not spoiled_here else ()))


def _others_lost(case, root, pristine):
    """Files of the participant that nothing was done to, where they are not what an undisturbed run makes."""
    if not all("sub-02" in one.where for one in case.spoilings):
        return []
    mine, theirs = (
        {name: content for name, content in contents(folder / "out").items() if _is_of_other(name)}
        for folder in (root, pristine)
    )
    return sorted(name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name))


def _is_of_other(name):
    return name.startswith(("sub-01/", "logs/sub-01")) and not name.endswith((".html", ".log", ".tsv.gz"))


# ------------------------------------------------------------------------------------------------ strategies
def cases(pristine):
    """One participant's files or names, shared files, OUT_DIR's, or what the command line names."""
    inputs = files_of(pristine / "bids")
    own = [f"bids/{name}" for name in inputs if "sub-02" in name]
    shared = [f"bids/{name}" for name in inputs if "sub-" not in name]
    results = [f"out/{name}" for name in files_of(pristine / "out") if not name.endswith((".svg", ".log"))]
    models = [f"models/{name}" for name in files_of(pristine / "models")] if (pristine / "models").is_dir() else []
    named = {
        "filters": ["filters.json"],
        "labels": ["labels.txt"],
        "analysis": ["quick.yaml"],
        "recipe": ["recipe.yaml", "onsets.tsv"],
    } | ({"models": models} if models else {})
    return {
        "own": st.builds(Case, st.just("run"), st.just(False), spoilings_of(own).map(tuple)),
        "shared": st.builds(Case, st.just("run"), st.just(False), spoilings_of([*shared, *own]).map(tuple)),
        "results": st.builds(Case, st.just("run"), st.just(True), spoilings_of(results, rename=False).map(tuple)),
        "inputs again": st.builds(Case, st.just("run"), st.just(True), spoilings_of(own).map(tuple)),
        **{
            asked: st.builds(Case, st.just(asked), st.just(False), spoilings_of(files, rename=False).map(tuple))
            for asked, files in named.items()
        },
    }
