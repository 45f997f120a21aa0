"""The texts of job scripts: what a lab reads, and may change, before it submits them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LABELS, LOGS, SUBMIT = "participants.txt", "logs", "submit.sh"
HEADROOM, LIBRARIES_MB = 1.25, 1000  # of a job's memory over what fits keep to, and for the command itself


@dataclass(frozen=True)
class Container:
    """An Apptainer image that commands run in.

    Parameters
    ----------
    image : the .sif file.
    read : files and folders that are read.
    written : folders that are written.
    folder : the working folder, where paths of the command line hang on it.
    """

    image: Path
    read: Sequence[Path]
    written: Sequence[Path]
    folder: Path | None = None

    def words(self, has_gpu: bool) -> list[str]:
        """The command up to the arguments of concord.

        Parameters
        ----------
        has_gpu : whether NVIDIA's driver is let in.
        """
        binds = [*(f"{path}:{path}:ro" for path in self.read), *(f"{path}:{path}" for path in self.written)]
        bound = [word for one in binds for word in ("--bind", one)]
        gpu = ["--nv"] if has_gpu else []
        folder = ["--pwd", str(self.folder)] if self.folder else []
        return ["apptainer", "run", "--containall", *gpu, *folder, *bound, str(self.image)]


@dataclass(frozen=True)
class Cluster:
    """What each job asks SLURM for.

    Parameters
    ----------
    cpus : cores.
    mem_mb : memory that a process's fits keep to, MB of 10⁶ bytes.
    processes : side by side in a job, each with so much memory.
    gpus : of the jobs that compute features and fits; 0: none.
    time : limit, as SLURM has it.
    at_once : participants at a time; None: as many as there is room for.
    lines : further options of sbatch, for every job.
    """

    cpus: int
    mem_mb: int
    processes: int = 1
    gpus: int = 0
    time: str = "24:00:00"
    at_once: int | None = None
    lines: Sequence[str] = ()

    @property
    def job_mb(self) -> int:
        """Memory that a job asks for, in SLURM's megabytes (2²⁰ bytes)."""
        return round((self.processes * self.mem_mb * HEADROOM + LIBRARIES_MB) * 1e6 / 2**20)


@dataclass(frozen=True)
class Jobs:
    """What is run.

    Parameters
    ----------
    command : the program's words, where no container is.
    folder : the working folder.
    data : BIDS_DIR and OUT_DIR.
    options : of concord, as they were given and what they leave to a default.
    labels : of participants, without `sub-`.
    cluster : what SLURM is asked for.
    written : folders that are made first.
    given : the command that writes the scripts, for whoever reads them.
    container : that the program runs in, if so.
    """

    command: Sequence[str]
    folder: Path
    data: tuple[Path, Path]
    options: Sequence[str]
    labels: Sequence[str]
    cluster: Cluster
    written: Sequence[Path]
    given: str
    container: Container | None = None


@dataclass(frozen=True)
class _Job:
    """One script: what concord is asked for, with which options besides, whether for a participant a task, and what
    comes before and after it."""

    name: str
    asked: Sequence[str]
    gpus: int
    options: Sequence[str] = ()
    is_array: bool = False
    before: str = ""
    after: str = ""


# Of all variables --containall lets in these alone: the GPUs that SLURM gave to this job.
OWN_GPUS = """\
[ -z "${CUDA_VISIBLE_DEVICES-}" ] || export APPTAINERENV_CUDA_VISIBLE_DEVICES="$CUDA_VISIBLE_DEVICES"
"""
PICK = f"""\
label=$(sed -n "${{SLURM_ARRAY_TASK_ID}}p" {LABELS})
echo "participant $label"
"""
FEATURES_END = """\
code=$?
# 1: some could not be made. Participants who need them say so; the others go on.
[ $code -ne 1 ] || code=0
exit $code
"""


def scripts(jobs: Jobs) -> dict[str, str]:
    """Texts by the names of their files.

    Parameters
    ----------
    jobs : what is run.
    """
    gpus = jobs.cluster.gpus
    own = [
        _Job("features", ["participant", "--features-only"], gpus, after=FEATURES_END),
        _Job("participants", ["participant"], gpus, is_array=True, before=PICK),
        _Job("group", ["group"], 0, options=["--device", "auto"] if gpus else []),  # whatever the others have
    ]
    labels = "".join(f"{label}\n" for label in jobs.labels)
    return {LABELS: labels, **{f"{one.name}.sh": _script(jobs, one) for one in own}, SUBMIT: _submit(jobs)}


def _script(jobs: Jobs, job: _Job) -> str:
    cluster = jobs.cluster
    lines = [
        f"--job-name=concord-{job.name}",
        f"--output={LOGS}/%x-%A_%a.txt" if job.is_array else f"--output={LOGS}/%x-%j.txt",
        f"--cpus-per-task={cluster.cpus}",
        f"--mem={cluster.job_mb}M",
        f"--time={cluster.time}",
        *([f"--gpus={job.gpus}"] if job.gpus else []),
        *cluster.lines,
    ]
    program = jobs.container.words(job.gpus > 0) if jobs.container else jobs.command
    command = shlex.join([*program, *map(str, jobs.data), *job.asked, *jobs.options, *job.options])
    return "".join(
        [
            "#!/bin/bash\n",
            *(f"#SBATCH {line}\n" for line in lines),
            job.before,
            f"mkdir -p {shlex.join(map(str, jobs.written))}\n",
            f"cd {shlex.quote(str(jobs.folder))}\n",
            OWN_GPUS if jobs.container and job.gpus else "",
            command + (' --participant-label "$label"' if job.is_array else "") + "\n",
            job.after,
        ]
    )


def _submit(jobs: Jobs) -> str:
    whole, most = f"1-{len(jobs.labels)}", f"%{jobs.cluster.at_once}" if jobs.cluster.at_once else ""
    return f"""\
#!/bin/bash
# Written by: {" ".join(jobs.given.split())}
#   bash {SUBMIT}           submits features, then a participant a task, then the group
#   bash {SUBMIT} 03 sub-07 submits these participants alone again, then the group
# What is done is kept: a job that is submitted again goes on from it.
set -euo pipefail
cd "$(dirname "${{BASH_SOURCE[0]}}")"
mkdir -p {LOGS}
tasks=() after=()
for label in "$@"; do
  number=$(grep -nxF -e "${{label#sub-}}" {LABELS} | cut -d: -f1) \\
    || {{ echo "{SUBMIT}: $label is not in {LABELS}" >&2; exit 64; }}
  tasks+=("$number")
done
if [ $# -eq 0 ]; then
  features=$(sbatch --parsable features.sh)
  features=${{features%%;*}}
  after=(--dependency="afterok:$features" --kill-on-invalid-dep=yes)
  echo "features: job $features"
  array={whole}
else
  array=$(IFS=,; echo "${{tasks[*]}}")
fi
participants=$(sbatch --parsable ${{after[@]+"${{after[@]}}"}} --array="$array{most}" participants.sh)
participants=${{participants%%;*}}
echo "participants: job $participants, tasks $array"
# after all of them, whoever failed: the group is of those who have results, and names the others
group=$(sbatch --parsable --dependency="afterany:$participants" group.sh)
echo "group: job ${{group%%;*}}"
"""
