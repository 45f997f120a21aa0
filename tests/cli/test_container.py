"""The Dockerfile builds, and the image runs the demo offline, read-only and as an odd user: same numbers to 1e-5.

`$CONCORD_CONTAINER` names a command that understands `build DIR TAG` and `run TAG [options --] ARGS…` (no network,
read-only root, arbitrary user), as a site's wrapper of podman or docker does; without it the tests are skipped.
"""

import os
import subprocess
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
TOOL = os.environ.get("CONCORD_CONTAINER")

pytestmark = [
    pytest.mark.long,
    pytest.mark.container,
    pytest.mark.skipif(not TOOL, reason="$CONCORD_CONTAINER names no container command"),
]


def test_the_image_gives_the_same_numbers(tmp_path):
    demo = ROOT / "demo"
    if not (demo / "out" / "group.html").exists():
        pytest.skip("run `make demo` first: its output is compared with the container's")
    subprocess.run([TOOL, "build", str(ROOT), "concord:test"], check=True)
    out = tmp_path / "out"
    out.mkdir(mode=0o777)
    out.chmod(0o777)
    for folder in tmp_path.parents:
        if folder.stat().st_uid == os.getuid() and folder != Path("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o755)
    mounts = ["-v", f"{demo / 'bids'}:/bids:ro", "-v", f"{demo / 'models'}:/models:ro"]
    mounts += ["-v", f"{demo / 'truth.tsv'}:/truth.tsv:ro", "-v", f"{out}:/out"]
    command = ["/bids", "/out", "participant", "group", "--analysis", "demo", "--model-dir", "/models", "--offline"]
    subprocess.run([TOOL, "run", "concord:test", *mounts, "--", *command], check=True)
    expected = sorted(path.relative_to(demo / "out") for path in (demo / "out").rglob("*_statmap.nii.gz"))
    assert expected
    for name in expected:
        ours, theirs = nib.load(demo / "out" / name).get_fdata(), nib.load(out / name).get_fdata()
        np.testing.assert_allclose(theirs, ours, atol=1e-5, err_msg=str(name))
