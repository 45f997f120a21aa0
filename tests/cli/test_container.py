"""The image gives the demo's numbers offline, read-only, as a user of no name and without a home; what is in it.

`$CONCORD_CONTAINER` names a command that understands `build DIR TAG` and `run TAG [options --] ARGS…` (no network,
read-only root, arbitrary user): `scripts/container`, or a site's own. `make container-test` sets it; without it what
needs an engine is skipped.
"""

import json
import os
import subprocess
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
TOOL = os.environ.get("CONCORD_CONTAINER")
TAG = "concord:test"
MOST_MB = 1300  # of Concord with all that it needs, beside the base image; benchmarks/RESULTS.md says what takes it

# run within the image; prints what it finds
PROBE = """
import json, os, pathlib, pwd, socket, subprocess, sys

def refused(call):
    try:
        call()
    except (OSError, KeyError) as error:
        return type(error).__name__
    return None

def reached():
    socket.create_connection(("192.0.2.1", 80), timeout=5)

opt = pathlib.Path("/opt/concord")
print(json.dumps({
    "uid": os.getuid(),
    "passwd": refused(lambda: pwd.getpwuid(os.getuid())),
    "home": refused(lambda: os.listdir(os.environ["HOME"])),
    "root": [refused((pathlib.Path(one) / "new").touch) for one in ("/", "/opt/concord", "/usr", "/etc", "/var")],
    "bids": refused(pathlib.Path("/bids/new").touch),
    "network": [name for _, name in socket.if_nameindex() if name != "lo"] or refused(reached),
    "unreadable": [str(path) for path in opt.rglob("*") if not os.access(path, os.R_OK)],
    "bytes": sum(path.lstat().st_size for path in opt.rglob("*")),
    "tests": len([*opt.rglob("tests")]),
    "cuda": __import__("torch").version.cuda,
}))
"""

pytestmark = [
    pytest.mark.long,
    pytest.mark.container,
    pytest.mark.skipif(not TOOL, reason="$CONCORD_CONTAINER names no container command"),
]


@pytest.fixture(scope="module")
def image():
    subprocess.run([TOOL, "build", str(ROOT), TAG], check=True)
    return TAG


def nameless(folder):
    """Options for a user who is in no list of users, and has no home: engines add one to the image's own list."""
    listed = folder / "passwd"
    listed.write_text("root:x:0:0:root:/root:/bin/sh\n")
    return ["-v", f"{listed}:/etc/passwd:ro", "--env", "HOME=/nowhere"]


@pytest.fixture
def folder(tmp_path):
    """One that any user can reach and write into."""
    for above in tmp_path.parents:
        if above.stat().st_uid == os.getuid() and above != Path("/tmp"):
            above.chmod(above.stat().st_mode | 0o755)
    tmp_path.chmod(0o777)
    return tmp_path


def in_image(tag, options, *arguments):
    command = [TOOL, "run", tag, *options, "--", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def probed(image, tmp_path_factory):
    """What a user of no name finds in it, without a home."""
    bids = tmp_path_factory.mktemp("bids")
    bids.chmod(0o777)
    options = ["-v", f"{bids}:/bids:ro", *nameless(bids.parent), "--entrypoint", "python"]
    return json.loads(in_image(image, options, "-c", PROBE))


def test_the_user_has_no_name_and_no_home(probed):
    assert probed["uid"] not in (0, os.getuid())
    assert probed["passwd"] == "KeyError"
    assert probed["home"] == "FileNotFoundError"


def test_nothing_can_be_written_but_where_it_is_let(probed):
    assert {*probed["root"], probed["bids"]} == {"OSError"}  # a file system to be read alone


def test_there_is_no_network(probed):
    assert probed["network"] == "OSError"


def test_whoever_runs_it_can_read_all_of_it(probed):
    assert probed["unreadable"] == []


def test_it_is_small_and_without_cuda_unless_asked_for(probed):
    assert probed["bytes"] / 1e6 < MOST_MB
    assert probed["tests"] == 0
    assert probed["cuda"] is None


def test_the_image_gives_the_same_numbers(image, folder):
    demo = ROOT / "demo"
    if not (demo / "out" / "group.html").exists():
        pytest.skip("run `make demo` first: its output is compared with the container's")
    out = folder / "out"
    out.mkdir()
    out.chmod(0o777)
    mounts = ["-v", f"{demo / 'bids'}:/bids:ro", "-v", f"{demo / 'models'}:/models:ro"]
    mounts += ["-v", f"{demo / 'truth.tsv'}:/truth.tsv:ro", "-v", f"{out}:/out", *nameless(folder)]
    asked = ["--analysis", "demo", "--model-dir", "/models", "--offline", "--nprocs", "2", "--omp-nthreads", "1"]
    in_image(image, mounts, "/bids", "/out", "participant", "group", *asked)
    expected = sorted(path.relative_to(demo / "out") for path in (demo / "out").rglob("*_statmap.nii.gz"))
    assert expected
    for name in expected:
        ours, theirs = nib.load(demo / "out" / name).get_fdata(), nib.load(out / name).get_fdata()
        np.testing.assert_allclose(theirs, ours, atol=1e-5, err_msg=str(name))
