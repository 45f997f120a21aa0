"""The group level: results over the participants who are there, and the group's report."""

from __future__ import annotations

from bids_app import __version__, group, outputs
from bids_app.errors import NoInput
from bids_app.pipeline.job.job import Job
from bids_app.pipeline.job.stimulus_library import StimulusLibrary
from bids_app.pipeline.mean_response import fit_mean_responses
from bids_app.pipeline.participants import record_refusals
from bids_app.pipeline.preflight import Preflight
from bids_app.pipeline.progress import Progress
from bids_app.pipeline.runs.subspace_cache import SubspaceCache
from bids_app.records import FoundRecordings


def run_group(
    job: Job,
    library: StimulusLibrary,
    recordings: FoundRecordings,
    preflight: Preflight,
    cache: SubspaceCache,
    progress: Progress,
) -> int:
    """Results over participants, what their responses say together, and the report.

    Parameters
    ----------
    job : what the run was asked for.
    library : stimuli and their features.
    recordings : all that the data set has, usable or not.
    preflight : what can be computed.
    cache : shared subspaces that were fitted already; added to.
    progress : takes rows of status.tsv, and lines.

    Returns
    -------
    How many fits of a mean response failed.

    Raises
    ------
    NoInput : where nobody has results.
    """
    work, failed = progress.start("group", "group"), 0
    expected = {one.participant for one in recordings.recordings} | {one.participant for one in recordings.excluded}
    participants = [one for one in outputs.participants_of(job.out_dir) if not expected or one in expected]
    if not participants:
        raise NoInput("nobody has results here yet", job.out_dir, "run the participant level first")
    missing = sorted(expected - set(participants))
    if not job.options.reports_only:
        shared, failed = fit_mean_responses(job, library, preflight, cache, progress)
        tests = job.analysis.inference_spec("fmri")  # blocks are not asked for: participants are flipped
        results = group.summarise(outputs.read_units(job.out_dir, participants), tests, shared)
        common = {"AnalysisHash": job.hash, "SoftwareVersions": {"concord": __version__}}
        outputs.write_group(job.out_dir, results, missing, common, job.analysis.inference.fdr)
        work.record("done", _told_of(preflight))
        record_refusals(job, preflight, progress)
    outputs.write_group_report(job.out_dir, job.planted)
    if missing:
        work.say(f"no results of {', '.join(f'sub-{one}' for one in missing)}")
    work.say(f"{len(participants)} participants")
    return failed


def _told_of(preflight: Preflight) -> str:
    """What is noticed of the data set, and how many recordings there are warnings of, and are refused."""
    refused = {one.label for one in preflight.unused}
    warned = [one for one in preflight.alignments.values() if one.of("warning") and one.recording not in refused]
    counts = {"recordings warned of": len(warned), "recordings that cannot be used": len(refused)}
    told = [f"{number} {what}: see the participants' rows" for what, number in counts.items() if number]
    return "; ".join((*preflight.warnings, *told))
