"""The group's report, made from out_dir alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bids_app.outputs.derivatives.read_unit import read_unit
from bids_app.outputs.figures import charts
from bids_app.outputs.files import names
from bids_app.outputs.files.proof import require_group
from bids_app.outputs.files.serialise import read_summary
from bids_app.outputs.report.drawing import Drawing, Figure, save
from bids_app.outputs.report.group.electrodes import electrodes_of, unplaced
from bids_app.outputs.report.group.maps import extra_maps, group_brain, group_maps
from bids_app.outputs.report.group.model_pair import group_model_pair_sentences
from bids_app.outputs.report.methods import MethodsPart, write_methods
from bids_app.outputs.report.page import write_page
from bids_app.outputs.report.participant import Answer, LeftOut, StatusLine, report_context, status_rows
from bids_app.outputs.report.regions import RegionsPart, group_regions_part
from bids_app.outputs.report.unit.controls import group_controls_sentences
from bids_app.outputs.report.unit.figures import models_and_parts
from bids_app.outputs.report.unit.layers import group_layers
from bids_app.outputs.report.unit.planted import PlantedRecovery, Truth, pool, read_truth, recoveries
from bids_app.outputs.report.unit.section import PlantedPart, UnitSection, heading, planted_part, unit_section
from bids_app.outputs.wording.answer.doubts import doubts, group_doubts
from bids_app.outputs.wording.answer.group import group_answer
from bids_app.outputs.wording.definitions import about
from bids_app.outputs.wording.group import group_inference_in_words
from bids_app.outputs.wording.inference import WHERE_ESTIMATES_GO
from bids_app.outputs.wording.noise_ceiling import inter_subject_noise_ceiling_in_words
from bids_app.outputs.wording.over_participants.prevalence import prevalence_in_words
from bids_app.outputs.wording.phrases import count_of, nouns_of
from bids_app.records import (
    Excluded,
    ExtraPartition,
    GroupResultSummary,
    GroupSummary,
    ParticipantScore,
    SignificantCounts,
    UnitSummary,
    all_components,
    camel,
    entities_of,
    partition_components,
)

EACH = "How each participant's own results were made is in their methods text (`sub-*_methods.md`)."


@dataclass(frozen=True)
class ParticipantMeans:
    """Each participant's mean R² of one component: mean over participants, standard error, everyone's mean."""

    mean: float | None
    error: float
    points: tuple[float, ...]

    @property
    def n_positive(self) -> int:
        """How many participants are above 0."""
        return sum(point > 0 for point in self.points)

    @property
    def bar(self) -> charts.Bar:
        """The mean, plus and minus a standard error."""
        if self.mean is None:
            return charts.Bar(None, None, None)
        return charts.Bar(self.mean, self.mean - self.error, self.mean + self.error, self.points)


@dataclass(frozen=True)
class GroupSection:
    """All that the template needs of a group. rows: each participant's full model, with its mean r; components: label
    → participants' means and significant targets."""

    id: str
    title: str
    nouns: str
    summary: GroupResultSummary
    places: str
    figures: tuple[Figure, ...]
    brain: str | None
    model_pair: tuple[str, ...]
    baseline: tuple[str, ...]
    rows: tuple[tuple[ParticipantScore, float | None], ...]
    components: Mapping[str, tuple[ParticipantMeans, SignificantCounts | None]]
    inference: str
    bias: str
    noise_ceiling: str
    prevalence: str
    planted: PlantedPart | None
    regions: RegionsPart | None


def write_group_report(out_dir: Path, planted: Path | None = None) -> Path:
    """group.html and its figures, from what `write_group` and `write_mean_response` left.

    Parameters
    ----------
    out_dir : where results lie.
    planted : a table of known values, shown pooled over participants where it exists.

    Returns
    -------
    The page.

    Raises
    ------
    ReadWriteError : where results are absent, or not what the group level wrote and read.
    CannotCreate : where the page cannot be written.
    """
    summary = require_group(out_dir)
    participants = sorted({one for group in summary.groups for one in group.participants})
    counted = [stem for stem in summary.units if "sub" in entities_of(stem)]
    means = [read_unit(names.summary_path(out_dir, stem)) for stem in summary.units if stem not in counted]
    summaries = [read_summary(names.summary_path(out_dir, stem), UnitSummary) for stem in counted]
    status = status_rows(out_dir)
    known = planted is not None and planted.exists()
    truths = {one: read_truth(planted, one) for one in participants} if planted is not None and known else {}
    context = {
        "title": "Group",
        "participants": participants,
        "missing": [LeftOut(one, _reason(one, status)) for one in summary.missing],
        "untrue": summary.left_out,
        "groups": (sections := [_group(out_dir, group, truths, summary) for group in summary.groups]),
        "answers": [
            Answer(one.id, one.title, group_answer(one.summary, _own(one.summary, summaries))) for one in sections
        ],
        "doubts": (*group_doubts(summary.groups, summary.missing, len(summary.left_out)), *doubts(summaries)),
        "means": (of_means := [unit_section(out_dir, unit, {}) for unit in means]),
        "references": write_methods(out_dir, names.GROUP_REPORT, _methods(sections, of_means)),
        **report_context([*summaries, *(unit.summary for unit in means)], status, summary.left_out),
        "has_inference": any(group.inference for group in summary.groups),
    }
    return write_page(out_dir, names.GROUP_REPORT, "group.html.j2", context)


def write_nobody_report(out_dir: Path, left_out: Sequence[Excluded], missing: Sequence[str]) -> Path:
    """group.html of a group level over nobody: who is left out and why. Nothing else of the group level is touched.

    Parameters
    ----------
    out_dir : where results lie.
    left_out : units whose results do not count.
    missing : participants who have none.

    Returns
    -------
    The page.

    Raises
    ------
    CannotCreate : where it cannot be written.
    """
    status = status_rows(out_dir)
    context = {
        "title": "Group",
        "participants": (),
        "missing": [LeftOut(one, _reason(one, status)) for one in missing],
        "untrue": tuple(left_out),
        "groups": (),
        "answers": (),
        "doubts": group_doubts((), missing, len(left_out)),
        "references": write_methods(out_dir, names.GROUP_REPORT, ()),
        "means": (),
        **report_context([], status, left_out),
        "has_inference": False,
    }
    return write_page(out_dir, names.GROUP_REPORT, "group.html.j2", context)


def _methods(groups: Sequence[GroupSection], means: Sequence[UnitSection]) -> list[MethodsPart]:
    """Tests and ceilings over participants, and how mean responses were fitted."""
    over = [MethodsPart(one.title, (EACH, one.inference, one.prevalence, one.noise_ceiling)) for one in groups]
    return [*over, *(MethodsPart(one.title, one.methods) for one in means)]


def _own(group: GroupResultSummary, summaries: Sequence[UnitSummary]) -> list[UnitSummary]:
    """The participants' units that a group is of."""
    stems = {row.unit for row in group.scores}
    return [one for one in summaries if one.stem in stems]


def _reason(participant: str, status: Sequence[StatusLine]) -> str:
    """Why someone has no results, as far as status.tsv knows."""
    failed = [row.reason for row in status if row.label == participant and row.status == "failed"]
    return failed[0] if failed else "no results in OUT_DIR: run the participant level"


def _group(
    out_dir: Path, group: GroupResultSummary, truths: Mapping[str, Truth], summary: GroupSummary
) -> GroupSection:
    """Context of one group; writes its figures."""
    means = participant_means(group)
    significant = group.significant or {}
    everyone, heights = electrodes_of(out_dir, group), means_of(means)
    drawings = [_chart(group, means), *group_layers(group.layers), *group_maps(out_dir, group, heights, everyone)]
    for extra in group.extra:
        drawings += [_chart(group, means, extra), *extra_maps(out_dir, group, extra, heights, everyone)]
    full = [row for row in group.scores if (row.component, row.stat) == ("full", "rsquared")]
    return GroupSection(
        id=f"group_{group.stem}",
        title=heading(group.targets.space, group.targets.kind),
        nouns=nouns_of(group.targets.kind),
        summary=group,
        places=unplaced(everyone) if everyone else "",
        figures=tuple(save(out_dir, group.stem, drawing) for drawing in drawings),
        brain=group_brain(out_dir, group),
        model_pair=tuple(group_model_pair_sentences(group)),
        baseline=tuple(group_controls_sentences(group, {label: one.mean for label, one in means.items()})),
        rows=tuple((row, _mean_r(group, row.unit)) for row in full),
        components={label: (one, significant.get(label)) for label, one in means.items()},
        inference=group_inference_in_words(group.inference, group.targets.kind),
        bias=WHERE_ESTIMATES_GO if len(group.groups) > 1 else "",
        noise_ceiling=inter_subject_noise_ceiling_in_words(group),
        prevalence=prevalence_in_words(group.prevalence, group.inference),
        planted=_planted(out_dir, group, truths),
        regions=group_regions_part(out_dir, group, summary),
    )


def participant_means(group: GroupResultSummary) -> dict[str, ParticipantMeans]:
    """Label → participants' mean R², in the order of components."""
    means = {}
    for label in all_components(group.groups, group.extra, group.controls):
        rows = [row for row in group.scores if (row.component, row.stat) == (label, "rsquared")]
        points = np.array([row.spread.mean for row in rows if row.spread.mean is not None], dtype=float)
        error = float(points.std(ddof=1) / np.sqrt(len(points))) if len(points) > 1 else 0.0
        mean = float(points.mean()) if len(points) else None
        means[label] = ParticipantMeans(mean, error, tuple(points.tolist()))
    return means


def means_of(means: Mapping[str, ParticipantMeans]) -> dict[str, float]:
    """Label → mean over participants, 0 where nobody has one."""
    return {label: one.mean or 0.0 for label, one in means.items()}


def _chart(
    group: GroupResultSummary, means: Mapping[str, ParticipantMeans], extra: ExtraPartition | None = None
) -> Drawing:
    """Components of the analysis's own partition, or of an extra one, participant by participant."""
    groups, name = (tuple(extra.groups), extra.name) if extra else (group.groups, "")
    bars = {one: means[one.label].bar for one in partition_components(groups, name)}
    words = (
        f"{models_and_parts(groups)} A dot at a bar is a participant's mean over their usable targets; the bar is "
        f"the mean over {count_of(len(group.participants), 'participant')}, the line plus and minus one standard "
        "error."
    )
    return Drawing(
        f"group{camel(name)}Components",
        charts.components_chart(groups, bars, "mean R²"),
        f"R² of {', '.join(groups)} by participant",
        f"{about(extra)}. {words}" if extra else words,
    )


def _planted(out_dir: Path, group: GroupResultSummary, truths: Mapping[str, Truth]) -> PlantedPart | None:
    """Recovered beside planted over the targets of all participants."""
    stems = dict.fromkeys((row.unit, row.participant) for row in group.scores) if truths else {}
    by_component: dict[str, list[PlantedRecovery]] = {}
    for stem, participant in stems:
        for recovery in recoveries(read_unit(names.summary_path(out_dir, stem)), truths[participant]):
            by_component.setdefault(recovery.component, []).append(recovery)
    return planted_part(out_dir, group.stem, [pool(each) for each in by_component.values()])


def _mean_r(group: GroupResultSummary, unit: str) -> float | None:
    """A participant's mean r of the full model."""
    rows = [row for row in group.scores if (row.unit, row.component, row.stat) == (unit, "full", "r")]
    return rows[0].spread.mean
