"""Jobs of a SLURM cluster: what is written, what is submitted in which order, and all of it on a real one."""

import os
import shlex
import stat
import subprocess
import time
from itertools import pairwise
from pathlib import Path

import pytest
from quick_study import cut, differences, make_quick_study, response, rows, stem

from bids_app.cli.concord import main, parse_arguments
from bids_app.cli.concord_tools import main as tools

ROOT = Path(__file__).parents[2]
TOOL = Path(os.environ.get("CONCORD_SLURM", ROOT.parent / "shared" / "tools" / "slurm"))
SBATCH = """\
#!/bin/bash
printf '%s\\n' "$*" >> submitted.txt
echo "$(wc -l < submitted.txt);cluster"
"""


@pytest.fixture(autouse=True)
def online(monkeypatch):
    """Runs of other tests in this process may have set it."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_quick_study(tmp_path_factory.mktemp("a lab's data"), ("01", "02", "03"))


def write(study, *more, out="out"):
    analysis = ["--analysis", str(study / "quick.yaml")]
    return tools(["slurm", str(study / "bids"), str(study / out), "--to", str(study / "jobs"), *analysis, *more])


def submit(study, *labels):
    """What a submission gave to sbatch, and its result."""
    folder = study / "bin"
    folder.mkdir(exist_ok=True)
    (folder / "sbatch").write_text(SBATCH)
    (folder / "sbatch").chmod(stat.S_IRWXU)
    (study / "jobs/submitted.txt").unlink(missing_ok=True)
    path = f"{folder}:{os.environ['PATH']}"
    command = ["bash", str(study / "jobs/submit.sh"), *labels]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path})
    given = study / "jobs/submitted.txt"
    return done, given.read_text().splitlines() if given.exists() else []


def command_of(study, job):
    """The words of a job's command, and its lines for sbatch."""
    lines = (study / "jobs" / job).read_text().splitlines()
    (command,) = [line for line in lines if "bids_app" in line or "apptainer" in line]
    return shlex.split(command), [line.removeprefix("#SBATCH ") for line in lines if line.startswith("#SBATCH")]


def test_three_jobs_are_submitted_each_after_the_one_before(study, capsys):
    assert write(study, "--at-once", "2") == 0
    line = capsys.readouterr().out
    assert shlex.split(line) == ["3", "participants:", "bash", f"{study}/jobs/submit.sh"]
    done, given = submit(study)
    assert done.stdout.splitlines() == ["features: job 1", "participants: job 2, tasks 1-3", "group: job 3"]
    assert given == [
        "--parsable features.sh",
        "--parsable --dependency=afterok:1 --kill-on-invalid-dep=yes --array=1-3%2 participants.sh",
        "--parsable --dependency=afterany:2 group.sh",
    ]


def test_some_participants_are_submitted_again_alone(study):
    assert write(study) == 0
    done, given = submit(study, "03", "sub-01")
    assert done.returncode == 0
    assert given == ["--parsable --array=3,1 participants.sh", "--parsable --dependency=afterany:1 group.sh"]
    done, given = submit(study, "03", "3")
    assert (done.returncode, given) == (64, [])
    assert done.stderr == "submit.sh: 3 is not in participants.txt\n"


def test_a_job_asks_for_what_its_command_takes(study):
    more = ("--omp-nthreads", "3", "--nprocs", "2", "--mem-mb", "2000", "--gpus", "1", "--time", "2-12")
    assert write(study, *more, "--sbatch=--partition=long", "--sbatch=--comment=a b") == 0
    for name in ("features", "participants", "group"):
        _, lines = command_of(study, f"{name}.sh")
        asked = {"--cpus-per-task=6", "--mem=5722M", "--time=2-12", "--partition=long", "--comment=a b"}
        assert asked <= {*lines}
        assert ("--gpus=1" in lines) == (name != "group")
    words, _ = command_of(study, "features.sh")
    analysis = ["--analysis", str(study / "quick.yaml")]
    data = [str(study / "bids"), str(study / "out")]
    own = ["--omp-nthreads", "3", "--nprocs", "2", "--mem-mb", "2000"]
    assert words[1:] == ["-m", "bids_app", *data, "participant", "--features-only", *analysis, *own]
    assert command_of(study, "participants.sh")[0][-2:] == ["--participant-label", "$label"]
    words, _ = command_of(study, "group.sh")
    assert words[5:] == ["group", *analysis, *own, "--device", "auto"]  # it has no GPU
    assert write(study, "--device", "cuda", "--gpus", "1") == 0
    found = {job: parse_arguments(command_of(study, job)[0][3:]).models.device for job in ("features.sh", "group.sh")}
    assert found == {"features.sh": "cuda", "group.sh": "auto"}


def test_threads_and_memory_are_never_left_to_the_node(study):
    assert write(study) == 0
    words, lines = command_of(study, "group.sh")
    assert words[-4:] == ["--omp-nthreads", "4", "--mem-mb", "5500"]
    assert {"--cpus-per-task=4", "--mem=7510M"} <= {*lines}


def test_a_container_sees_what_the_command_line_names_and_writes_where_it_may(study, tmp_path, monkeypatch):
    monkeypatch.chdir(study)
    image, models = study / "concord.sif", study / "models"
    image.touch()
    models.mkdir(exist_ok=True)
    table = study / "bids/table.tsv"
    table.touch()
    given = ("--container", str(image), "--gpus", "1", "--model-dir", "models", "--participant-label", str(table))
    table.write_text("01\n")
    assert write(study, *given) == 0
    words, _ = command_of(study, "features.sh")
    at = words.index(str(image))
    assert words[:6] == ["apptainer", "run", "--containall", "--nv", "--pwd", str(study)]
    bound = words[7:at:2]
    assert bound == [f"{study}:{study}:ro", f"{study / 'out'}:{study / 'out'}"]  # all else lies in the first
    assert words[at + 1 : at + 3] == [str(study / "bids"), str(study / "out")]
    assert "--nv" not in command_of(study, "group.sh")[0]
    monkeypatch.chdir("/")
    assert write(study, "--container", str(image), "--model-dir", str(models)) == 0
    words, _ = command_of(study, "group.sh")
    assert "--pwd" not in words
    bound = words[words.index("--bind") + 1 : words.index(str(image)) : 2]
    assert bound == [f"{study}:{study}:ro", f"{study / 'out'}:{study / 'out'}"]  # the analysis file's folder
    (tmp_path / "own.yaml").write_bytes((study / "quick.yaml").read_bytes())
    given = ("--model-dir", str(models), "--analysis", str(tmp_path / "own.yaml"))
    assert write(study, "--container", str(image), *given) == 0
    words, _ = command_of(study, "group.sh")
    bound = words[words.index("--bind") + 1 : words.index(str(image)) : 2]
    places = (study / "bids", models, study / "quick.yaml", tmp_path)
    assert bound == [*(f"{path}:{path}:ro" for path in places), f"{study / 'out'}:{study / 'out'}"]
    work = tmp_path / "work"  # it is made by the job, on the machine where that runs
    assert write(study, "--container", str(image), "-w", str(work)) == 0
    words, _ = command_of(study, "group.sh")
    bound = words[words.index("--bind") + 1 : words.index(str(image)) : 2]
    assert bound[-2:] == [f"{study / 'out'}:{study / 'out'}", f"{work}:{work}"]
    made = next(line for line in (study / "jobs/group.sh").read_text().splitlines() if line.startswith("mkdir"))
    assert shlex.split(made) == ["mkdir", "-p", str(study / "out"), str(work)]


def test_a_container_gets_what_the_shell_says_of_gpus_and_of_the_network(study, monkeypatch):
    (study / "concord.sif").touch()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert write(study, "--container", str(study / "concord.sif"), "--gpus", "1") == 0
    words, _ = command_of(study, "participants.sh")
    assert "--offline" in words[words.index(str(study / "concord.sif")) :]
    (study / "bin").mkdir(exist_ok=True)
    (study / "bin/apptainer").write_text('#!/bin/bash\necho "GPUs: ${APPTAINERENV_CUDA_VISIBLE_DEVICES-as ever}"\n')
    (study / "bin/apptainer").chmod(stat.S_IRWXU)
    seen = {}
    for job in ("features", "group"):
        for given in ({}, {"CUDA_VISIBLE_DEVICES": "2,3"}):
            own = {**os.environ, "PATH": f"{study / 'bin'}:{os.environ['PATH']}", **given}
            ran = subprocess.run(
                ["bash", f"{job}.sh"], cwd=study / "jobs", env=own, capture_output=True, text=True, check=True
            )
            seen[job, *given.values()] = ran.stdout
    assert seen.pop(("features", "2,3")) == "GPUs: 2,3\n"
    assert {*seen.values()} == {"GPUs: as ever\n"}


def test_a_path_that_apptainer_would_split_is_refused(study, capsys):
    (study / "concord.sif").touch()
    for name in ("a,b", "a:b"):
        assert write(study, "--container", str(study / "concord.sif"), out=name) == 64
        assert "takes no path with a comma or colon" in capsys.readouterr().err


@pytest.mark.parametrize("given", [["-w", "wk"], ["--work-dir=wk"], ["-wwk"], ["-qw", "wk"]])
def test_a_work_dir_by_a_relative_name_is_the_same_in_a_container(study, tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    (study / "concord.sif").touch()
    assert write(study, "--container", str(study / "concord.sif"), *given) == 0
    words, _ = command_of(study, "group.sh")
    work = str(tmp_path / "wk")
    assert "--pwd" not in words
    assert ("--bind", f"{work}:{work}") in {*pairwise(words)}
    assert parse_arguments(words[words.index(str(study / "bids")) :]).work_dir == tmp_path / "wk"
    monkeypatch.chdir("/")
    assert parse_arguments(words[words.index(str(study / "bids")) :]).work_dir == tmp_path / "wk"


def test_a_container_sees_atlases_with_their_tables_and_masks(study, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path / "flow"))
    for name in ("flow", "HarvardOxford", "elsewhere"):
        (tmp_path / name).mkdir()
    (tmp_path / "HarvardOxford/HarvardOxford-cort-maxprob-thr25-2mm.nii.gz").touch()
    (tmp_path / "HarvardOxford-Cortical.xml").touch()
    (tmp_path / "flow/tpl-X_atlas-Own_dseg.nii.gz").touch()
    (study / "concord.sif").touch()
    file = tmp_path / "HarvardOxford/HarvardOxford-cort-maxprob-thr25-2mm.nii.gz"
    mask = tmp_path / "elsewhere/sub-{participant}/mask.nii.gz"
    given = ["--atlas", "Own", str(file), "--localiser", f"lang={mask}", "--container", str(study / "concord.sif")]
    assert write(study, *given) == 0
    words, _ = command_of(study, "group.sh")
    bound = {word.split(":")[0] for before, word in pairwise(words) if before == "--bind"}
    assert bound == {str(tmp_path), str(study), str(study / "out")}  # the folder of FSL's table holds all others
    at = words.index("--atlas-dir")
    assert str(tmp_path / "flow") in words[at:]


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (["--dry-run"], 64, "--dry-run is of a single command"),
        (["--reports-only"], 64, "--reports-only is of a single command"),
        (["--features-only"], 64, "--features-only and the group level"),
        (["--dask-scheduler", "tcp://a:1"], 64, "--dask-scheduler is of a single command"),
        (["--dask-scheduler-file", "a.json"], 64, "--dask-scheduler-file is of a single command"),
        (["--participant-label", "77"], 18, "77"),
        (["--container", "none.sif"], 66, "there is no such image"),
        (["--time", "soon"], 64, "no time of SLURM"),
        (["--sbatch", "partition"], 64, "no option of sbatch"),
        (["--sbatch=--comment=a\nb"], 64, "no option of sbatch"),
        (["--gpus", "-1"], 64, "not a whole number"),
        (["--at-once", "0"], 64, "not a whole number"),
        (["--frobnicate"], 64, "unrecognized arguments: --frobnicate"),
        (["--analysis"], 64, "expected one argument"),
    ],
)
def test_what_cannot_be_is_one_line(study, capsys, given, code, said):
    assert write(study, *given) == code
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_levels_and_the_place_of_scripts(study, capsys):
    bids, out = str(study / "bids"), str(study / "out")
    assert tools(["slurm", bids, out, "participant", "--to", str(study / "jobs")]) == 64
    assert "levels are not named" in capsys.readouterr().err
    assert tools(["slurm", bids, out, "--to", f"{bids}/jobs"]) == 64
    assert "the scripts' folder lies in BIDS_DIR" in capsys.readouterr().err
    (study / "taken").write_text("")
    assert tools(["slurm", bids, out, "--to", str(study / "taken")]) == 73
    assert tools(["demo", str(study / "demo"), "--frobnicate"]) == 64


@pytest.mark.long
@pytest.mark.slurm
@pytest.mark.skipif(not TOOL.exists(), reason=f"no SLURM: $CONCORD_SLURM, or {TOOL}, starts one")
def test_on_a_real_cluster_one_participant_fails_and_is_done_again_alone(tmp_path, monkeypatch):
    study = make_quick_study(tmp_path, ("01", "02", "03"))
    whole = {run: response(study, "02", run).read_bytes() for run in (1, 2)}
    for run in whole:
        cut(response(study, "02", run))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    limits = ("--omp-nthreads", "1", "--mem-mb", "3000", "--time", "0:30:00")
    started = subprocess.run([TOOL, "start", tmp_path / "slurm"], capture_output=True, text=True, check=False)
    if started.returncode:
        pytest.skip(f"no SLURM starts here: {started.stderr.strip()}")
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "slurm/slurm.conf"))
    try:
        assert write(study, *limits) == 0
        states = finished(study)
        assert states["concord-features"] == {"COMPLETED"}
        assert states["concord-participants"] == {"COMPLETED", "FAILED"}
        assert states["concord-group"] == {"FAILED"}  # of two participants, as it says
        assert {unit: row["status"] for unit, row in rows(study).items()}[stem("01")] == "done"
        for run, content in whole.items():
            response(study, "02", run).write_bytes(content)
        states = finished(study, "sub-02")
        assert set(states) == {"concord-participants", "concord-group"}
        assert set.union(*states.values()) == {"COMPLETED"}
    finally:
        subprocess.run([TOOL, "stop", tmp_path / "slurm"], check=False)
    analysis = ["--analysis", str(study / "quick.yaml")]
    assert main([str(study / "bids"), str(study / "one"), "participant", "group", *analysis, *limits[:4]]) == 0
    assert differences(study / "out", study / "one") == []


def finished(study, *labels):
    """Submit, wait, and give the states of each job's tasks."""
    submitted = subprocess.run(
        ["bash", study / "jobs/submit.sh", *labels], capture_output=True, text=True, check=True
    ).stdout
    jobs = [line.split("job ")[1].split(",")[0] for line in submitted.splitlines()]
    states = {}
    while True:
        shown = [
            subprocess.run(["scontrol", "show", "job", job, "--oneliner"], capture_output=True, text=True, check=True)
            for job in jobs
        ]
        found = [dict(word.split("=", 1) for word in line.split() if "=" in word)
                 for one in shown for line in one.stdout.splitlines() if line.strip()]  # fmt: skip
        for one in found:
            if one["JobState"] not in ("PENDING", "RUNNING", "COMPLETING", "CONFIGURING"):
                states.setdefault(one["JobName"], {})[one["JobId"]] = one["JobState"]
        if all(one["JobId"] in states.get(one["JobName"], {}) for one in found):
            return {name: {*each.values()} for name, each in states.items()}
        time.sleep(1)
