"""BABS and Nipoppy take the configurations of contrib/, and run Concord by them: participants, then the group.

They are programs of their own (BABS needs a numpy below 2): `make test-long` installs them into `.venv/hosts`, or
`$CONCORD_HOSTS` names the folder of their programs. Containers and archivers are stood in for.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from quick_study import concord, make_quick_study

from bids_app import __version__

ROOT = Path(__file__).parents[2]
HOSTS = Path(os.environ.get("CONCORD_HOSTS", ROOT / ".venv/hosts/bin"))
PEOPLE = ("01", "02", "03")
CONCORD = f'PYTHONPATH="{ROOT}" exec "{sys.executable}" -m bids_app "$@"\n'
ZIP = f'exec "{sys.executable}" -m zipfile "$@"\n'
# what BABS and Boutiques start, without a container
STAND_INS = {
    "singularity": 'until [[ "$1" == containers/* ]]; do shift; done; shift\n' + CONCORD,
    "apptainer": 'exec bash "${@: -1}"\n',
    "concord": CONCORD,
    "7z": f'case "$1" in x) shift; set -- -e "$1" . ;; a) shift; set -- -c "$1" "$2" ;; esac\n{ZIP}',
}

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        not (HOSTS / "nipoppy").exists(), reason="no BABS and Nipoppy: `make test-long` installs them"
    ),
]


@pytest.fixture
def study(tmp_path):
    return make_quick_study(tmp_path, PEOPLE, (1, 2, 3))


@pytest.fixture
def run(tmp_path):
    """Runs a program among the stand-ins; it may end with no error."""
    for name, text in STAND_INS.items():
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/bash\n{text}")
        path.chmod(0o755)
    found = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{HOSTS}:{os.environ['PATH']}", "COLUMNS": "1000"}
    found.pop("PYTHONPATH", None)

    def call(*command, cwd=tmp_path):
        done = subprocess.run([*map(str, command)], cwd=cwd, env=found, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return call


def test_babs_makes_scripts_that_run_participants_whose_results_are_joined(study, tmp_path, run):
    config = yaml.safe_load((ROOT / "contrib/babs/concord.yaml").read_text())
    config["bids_app_args"]["--analysis"] = f'"{study / "quick.yaml"}"'
    del config["bids_app_args"]["--model-dir"]  # of which the quick analysis has none
    (tmp_path / "concord.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    (tmp_path / "code").mkdir()
    run(HOSTS / "python", ROOT / "tests/helpers/babs_scripts.py", tmp_path / "concord.yaml", tmp_path / "code")
    (zip_name,) = (f"{name}-{version}" for name, version in config["zip_foldernames"].items())
    job = (tmp_path / "code/job.sh").read_text()
    assert f'-o "${{subid}}_{zip_name}.zip"' in job
    assert "#SBATCH --mem=12G" in job
    for person in PEOPLE:  # as a job has it: a clone with the files of one participant
        clone = tmp_path / f"job-{person}"
        others = shutil.ignore_patterns("derivatives", *(f"sub-{other}" for other in PEOPLE if other != person))
        shutil.copytree(study / "bids", clone / "inputs/data/BIDS", ignore=others)
        derivatives = tmp_path / f"zipped-{person}/fmriprep"
        shutil.copytree(study / "bids/derivatives/fmriprep", derivatives, ignore=others)
        archive = clone / f"inputs/data/fmriprep/sub-{person}_fmriprep-1.zip"
        archive.parent.mkdir()
        run("7z", "a", archive, "fmriprep", cwd=derivatives.parent)
        run("bash", tmp_path / "code/run.sh", f"sub-{person}", archive, cwd=clone)
        assert not (clone / "outputs").exists()
        run("7z", "x", clone / f"sub-{person}_{zip_name}.zip")
    assert all((tmp_path / f"concord/sub-{person}.html").exists() for person in PEOPLE)
    shutil.rmtree(study / "bids/derivatives")  # the clones' files are gone: results are taken as they are
    assert concord(study, "group", out="concord") == 0
    summary = json.loads((tmp_path / "concord/logs/group.json").read_text())
    assert [*map(len, (summary["groups"], summary["left_out"], summary["missing"]))] == [1, 0, 0]
    assert (tmp_path / "concord/group.html").exists()


def test_nipoppy_runs_and_tracks_the_pipeline(study, tmp_path, run):
    bundle, where = tmp_path / "bundle", tmp_path / "nipoppy"
    run("nipoppy", "pipeline", "validate", ROOT / "contrib/nipoppy")
    shutil.copytree(ROOT / "contrib/nipoppy", bundle)
    for path in bundle.glob("invocation-*.json"):
        path.write_text(path.read_text().replace('"speech-language"', json.dumps(str(study / "quick.yaml"))))
    run("nipoppy", "init", "--dataset", where)
    run("nipoppy", "pipeline", "install", "--study", where, "--skip-container", bundle)
    (where / f"containers/concord_{__version__}.sif").touch()
    shutil.rmtree(where / "bids")
    shutil.copytree(study / "bids", where / "bids", ignore=shutil.ignore_patterns("derivatives"))
    # sessions that have no name are called so
    people = "".join(f'{person}\tBL\tunnamed\t["func"]\n' for person in PEOPLE)
    (where / "manifest.tsv").write_text(f"participant_id\tvisit_id\tsession_id\tdatatype\n{people}")
    (tmp_path / "models").mkdir()
    own = {"DERIVATIVES_DIR": str(study / "bids/derivatives/fmriprep"), "MODEL_DIR": str(tmp_path / "models")}
    settings = where / "global_config.json"
    text = settings.read_text()
    for name, value in own.items():
        assert f'"{name}": null' in text
        text = text.replace(f'"{name}": null', f'"{name}": {json.dumps(value)}')
    settings.write_text(text)
    run("nipoppy", "track-curation", "--study", where)
    asked = ("--study", where, "--pipeline", "concord", "--pipeline-step")
    run("nipoppy", "process", *asked, "participant")
    run("nipoppy", "track-processing", *asked, "participant")
    table = (where / "derivatives/processing_status.tsv").read_text()
    assert table.count("SUCCESS") == len(PEOPLE)
    run("nipoppy", "process", *asked, "group")
    out = where / f"derivatives/concord/{__version__}/output"
    assert (out / "group.html").exists()
