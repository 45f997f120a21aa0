"""A run that is disturbed at one of its renames, by number: killed, out of disk, or met by a second job there.

`python tests/helpers/killed_runs.py TABLE.tsv` (PYTHONPATH=.:tests/helpers) disturbs a study at each, and writes
what a rerun did.
"""

import errno
import io
import itertools
import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from quick_study import concord, differences, make_quick_study, quick_runs

from bids_app.disk import replace

LEVELS = ("participant", "group")


def in_child(call):
    """What a process of its own ended with: its exit code, or minus the signal."""
    return ended(start(call))


def start(call):
    """The number of a process that calls."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                code = call()
        finally:
            os._exit(code)
    return pid


def ended(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def names_of(root, levels, before):
    """`renames` of a run that begins with an OUT_DIR, or with none."""
    listed = root / "listed"
    if before is not None:
        shutil.copytree(before, listed, symlinks=True)
    names = renames(root, levels, listed)
    shutil.rmtree(listed)
    return names


def renames(root, levels, out):
    """Names of the files that a run renames, in their order; `out` holds its results then."""
    reads, writes = os.pipe()

    def run():
        def telling(part, path):
            os.write(writes, f"{path.name}\n".encode())
            part.replace(path)

        replace.rename = telling
        return concord(root, *levels, out=out.name)

    assert in_child(run) == 0
    os.close(writes)
    with open(reads, encoding="utf-8") as told:  # noqa: PTH123 - a pipe
        return told.read().splitlines()


def at_number(number, act):
    """A rename that acts before the one of this number, from 1 on."""
    count = itertools.count(1)

    def rename(part, path):
        act(next(count) - number, part)
        part.replace(path)

    return rename


def killed(root, levels, out, number):
    """With signal 9, before the rename."""

    def run():
        replace.rename = at_number(number, lambda past, part: past or os.kill(os.getpid(), signal.SIGKILL))
        return concord(root, *levels, out=out.name)

    assert in_child(run) == -signal.SIGKILL


def disk_full(root, levels, out, number):
    """From the rename on."""

    def full(past, part):
        if past >= 0:
            raise OSError(errno.ENOSPC, "No space left on device", str(part))

    def run():
        replace.rename = at_number(number, full)
        return concord(root, *levels, out=out.name)

    code = in_child(run)
    assert code in (0, 1, 73, 74), code
    assert not list(out.rglob(".*.part"))


def two_jobs(root, levels, out, number):
    """A second one begins where the first stands before the rename, and both go on."""
    reads, writes = os.pipe()

    def first():
        def meet(past, part):
            if past == 0:
                os.write(writes, b"x")
                time.sleep(0.2)

        replace.rename = at_number(number, meet)
        return concord(root, *levels, out=out.name)

    pid = start(first)
    os.read(reads, 1)
    other = start(lambda: concord(root, *levels, out=out.name))
    codes = ended(pid), ended(other)
    os.close(reads), os.close(writes)
    assert codes == (0, 0), codes


HOW = {"killed": killed, "disk full": disk_full, "two jobs": two_jobs}


def rerun(root, levels, out):
    """(exit code, last line of what it said)."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = concord(root, *levels, out=out.name)
    return code, said.getvalue().splitlines()[-1].split(" ", 1)[-1].partition(": see")[0]


def disturbed(root, how, levels, number, before=None):
    """(files that the disturbed run left unlike the undisturbed one's, what the rerun said, differences after it).

    root : of a study with its undisturbed results in `out`; before : an OUT_DIR that the run begins with.
    """
    out = root / "disturbed"
    shutil.rmtree(out, ignore_errors=True)
    if before is not None:
        shutil.copytree(before, out, symlinks=True)
    HOW[how](root, levels, out, number)
    left = differences(out, root / "out") if out.exists() else []
    code, said = rerun(root, levels, out)
    after = differences(out, root / "out")
    after += [
        str(path) for path in (*out.rglob(".*.part"), *out.rglob("concord-scratch-*"), *out.rglob("*_files.txt"))
    ]
    shutil.rmtree(out)
    return left, said, after if code == 0 else [f"exit code {code}", *after]


def beginnings(root):
    """name → (levels, OUT_DIR that a run begins with or None): everything anew, and `group` behind participants."""
    if not (root / "participants").exists():
        assert concord(root, "participant", out="participants") == 0
    return {"participant group": (LEVELS, None), "group": (("group",), root / "participants")}


def main(arguments):
    """Disturb at every rename, or at every n-th where the arguments say so (`killed:1`), and write the table; with
    `group` for an argument of the group level alone."""
    asked = [one for one in arguments[1:] if one != "group"]
    given = [one.partition(":") for one in asked or HOW]
    with tempfile.TemporaryDirectory() as folder, quick_runs(), Path(arguments[0]).open("w") as table:
        root = make_quick_study(Path(folder), ("01", "02"))
        assert concord(root, *LEVELS) == 0
        print("how\tlevels\trename\tfile\tfiles_unlike\trerun\tunlike_after_rerun", file=table)
        bad = 0
        begun = beginnings(root)
        for name in ["group"] if "group" in arguments[1:] else begun:
            levels, before = begun[name]
            names = names_of(root, levels, before)
            for how, _, step in given:
                for number in range(1, len(names) + 1, int(step or 1)):
                    left, said, after = disturbed(root, how, levels, number, before)
                    bad += bool(after)
                    place = f"{number}/{len(names)}", names[number - 1]
                    print(
                        how, name, *place, len(left), said, ", ".join(after) or "0", sep="\t", file=table, flush=True
                    )
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
