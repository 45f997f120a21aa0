"""The group level: results over the participants whose results count, and the group's report."""

from __future__ import annotations

from bids_app import __version__, group, outputs
from bids_app.disk import locked, scratch_folder
from bids_app.pipeline.judge import Judge, Members
from bids_app.pipeline.mean_response import fit_mean_responses
from bids_app.pipeline.participants import PATIENCE_S, record_refusals, write_report
from bids_app.pipeline.preflight import Preflight
from bids_app.pipeline.regions.read_off import group_regions
from bids_app.pipeline.runs.subspace_cache import SubspaceCache
from bids_app.pipeline.watching.progress import Progress, Work
from bids_app.records import FoundRecordings


def run_group(judge: Judge, recordings: FoundRecordings, cache: SubspaceCache, progress: Progress) -> int:
    """Results over participants, what their responses say together, and the report.

    Parameters
    ----------
    judge : what the run was asked for, what can be computed, and which results count.
    recordings : all that the data set has, usable or not.
    cache : shared subspaces that were fitted already; added to.
    progress : takes rows of status.tsv, and lines.

    Returns
    -------
    How many units are left out, participants have none though they could, and fits of a mean response failed.

    Raises
    ------
    NoInput : where nobody has results.
    ReadWriteError : where the report alone is asked for, and what it is made from is not what was written.
    """
    job, work = judge.job, progress.start("group", "group")
    members = judge.members(recordings, progress.book.rows())
    members.require_somebody(job.out_dir)
    failed = len(members.left_out) + judge.preflight.could_have(members.missing)
    if not members.counted:
        return failed + _record_nobody(judge, members, work)
    if not job.options.reports_only:
        failed += _join(judge, members, work, cache)
    with locked(outputs.lock_path(job.out_dir, None), progress.notify, PATIENCE_S):
        outputs.write_group_report(job.out_dir, job.planted)
    for line in members.lines:
        work.say(line)
    return failed


def _join(judge: Judge, members: Members, work: Work, cache: SubspaceCache) -> int:
    """Fit mean responses and write what participants' results give together. Returns how much failed."""
    job, progress = judge.job, work.progress
    counted = [one.stem for one in members.counted]
    progress.book.remove([row.unit for row in progress.book.rows() if row.participant == "group"])
    tests = job.analysis.inference_spec("fmri")  # blocks are not asked for: participants are flipped
    units = tuple(outputs.open_unit(outputs.summary_path(job.out_dir, stem)) for stem in counted)
    missing_regions = _read_off(judge, members, progress)
    common = {"AnalysisHash": job.hash, "SoftwareVersions": {"concord": __version__}}
    left_out = tuple(one.excluded for one in members.left_out)
    with scratch_folder(job.options.scratch_dir) as folder:
        shared, failed = fit_mean_responses(judge, counted, cache, progress, folder)
        room = group.Room(folder, group.held_bytes(job.options.mem_mb), work.say)
        regions = group_regions(job, units, shared)
        results = group.summarise(units, tests, shared, job.analysis.group_spec(), room, regions)
        means = tuple(one.mean.stem for one in shared.values() if one.mean is not None)
        whose = outputs.Membership(units, left_out, members.missing, means)
        with locked(outputs.lock_path(job.out_dir, None), progress.notify, PATIENCE_S):
            outputs.write_group(job.out_dir, results, whose, common, job.analysis.inference.fdr)
    work.record("done", "; ".join((*members.lines[:-1], *_told_of(judge.preflight))))
    return failed + missing_regions + record_refusals(judge, progress)


def _read_off(judge: Judge, members: Members, progress: Progress) -> int:
    """Regions of the participants whose report this run has not written, and that report. Returns of how many units
    there are none."""
    job, failed = judge.job, 0
    if not job.options.regions.any:
        return 0
    written = {*judge.preflight.participants} if "participant" in job.options.levels else set[str]()
    for participant in sorted({one.participant for one in members.counted} - written):
        failed += write_report(judge, participant, progress)
    return failed


def _record_nobody(judge: Judge, members: Members, work: Work) -> int:
    """A failed row and a page that names who is left out, where nobody's results count; tables and maps that an
    earlier group level wrote stay. Returns how much failed."""
    lines = [*members.lines, "nothing was written over participants but the page: earlier tables and maps stay"]
    work.record("failed", "; ".join((*lines, *_told_of(judge.preflight))))
    failed, out_dir = record_refusals(judge, work.progress), judge.job.out_dir
    with locked(outputs.lock_path(out_dir, None), work.progress.notify, PATIENCE_S):
        outputs.write_nobody_report(out_dir, [one.excluded for one in members.left_out], members.missing)
    for line in lines:
        work.say(line)
    return failed


def _told_of(preflight: Preflight) -> list[str]:
    """What is noticed of the data set, and how many recordings there are warnings of, and are refused."""
    refused = {one.label for one in preflight.unused}
    warned = [one for one in preflight.alignments.values() if one.of("warning") and one.recording not in refused]
    counts = {"recordings warned of": len(warned), "recordings that cannot be used": len(refused)}
    told = [f"{number} {what}: see the participants' rows" for what, number in counts.items() if number]
    return [*preflight.warnings, *told]
