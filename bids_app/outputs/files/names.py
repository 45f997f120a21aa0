"""All file names of out_dir, in one place: paths relative to it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from bids_app.records import HYPERPARAMETERS, INTER_SUBJECT, TRAITS, TargetKind, entities_of, stem_of

CHANNELS = ("sub", "ses", "task", "acq", "run")  # what the name of a channels.tsv may hold besides desc
SERIES_ENDINGS: Mapping[TargetKind, str] = {
    "volume": ".nii.gz", "surface": ".func.gii", "greyordinates": ".dtseries.nii",
    "parcels": ".tsv.gz", "electrodes": ".tsv.gz", "array": ".h5",
}  # fmt: skip
WEIGHT_COMPONENTS = "weightComponents"  # `desc` of principal components of weights
GROUP, LOGS = PurePosixPath("group"), PurePosixPath("logs")


def folder(stem: str, kind: TargetKind) -> PurePosixPath:
    """Where a unit's files lie: `sub-01/ses-1/func`; `group` for units without a participant.

    Parameters
    ----------
    stem, kind : of the unit and its targets.
    """
    entities = entities_of(stem)
    if "sub" not in entities:
        return GROUP
    places = [f"{key}-{entities[key]}" for key in ("sub", "ses") if key in entities]
    return PurePosixPath(*places, "ieeg" if kind == "electrodes" else "func")


def map_file(stem: str, kind: TargetKind, desc: str, stat: str, hemi: str = "") -> PurePosixPath:
    """A file of maps: all of it, or one hemisphere.

    Parameters
    ----------
    stem, kind : of the unit and its targets.
    desc, stat : as in a `MapFile`; empty where the name has none.
    hemi : L or R of a surface; empty for a volume.
    """
    return folder(stem, kind) / _map_name(entities_of(stem), kind, desc, stat, hemi)


def _map_name(entities: Mapping[str, str], kind: TargetKind, desc: str, stat: str, hemi: str) -> str:
    there = {key: value for key, value in (("stat", stat), ("desc", desc), ("hemi", hemi)) if value}
    return stem_of({**entities, **there}, "statmap") + TRAITS[kind].map_ending


def sidecar_of(file: PurePosixPath) -> PurePosixPath:
    """The JSON of a file's own name."""
    return file.with_name(file.name.split(".")[0] + ".json")


def shared_sidecar_file(stem: str, kind: TargetKind) -> PurePosixPath:
    """The JSON of all maps of a unit: a folder above them, as BIDS lets but one of their own folder apply to them.

    Parameters
    ----------
    stem, kind : of the unit and its targets.
    """
    return folder(stem, kind).parent / f"{stem_of(entities_of(stem), 'statmap')}.json"


def table_file(stem: str, kind: TargetKind) -> PurePosixPath:
    """The table of a unit: electrodes' channels.tsv, else an encoding; a mean response's in `group`.

    Parameters
    ----------
    stem, kind : of the unit and its targets.
    """
    entities = entities_of(stem)
    if "sub" not in entities:
        return GROUP / (stem_of({**entities, "desc": "meanResponse"}, "encoding") + TRAITS[kind].table_ending)
    if kind != "electrodes":
        return folder(stem, kind) / (
            stem_of({**entities, "desc": "partition"}, "encoding") + TRAITS[kind].table_ending
        )
    allowed = {key: entities[key] for key in CHANNELS if key in entities}
    return folder(stem, kind) / f"{stem_of({'task': 'pooled', **allowed, 'desc': 'partition'}, 'channels')}.tsv"


def arrays_file(stem: str, kind: TargetKind) -> PurePosixPath:
    """All numbers of a unit in the shape of its responses, beside its maps.

    Parameters
    ----------
    stem, kind : of the unit and its targets.
    """
    return folder(stem, kind) / f"{stem_of({**entities_of(stem), 'desc': 'partition'}, 'encoding')}.h5"


def lags_file(stem: str) -> PurePosixPath:
    """The table of electrode × lag."""
    entities = {key: value for key, value in entities_of(stem).items() if key != "space"}
    return folder(stem, "electrodes") / f"{stem_of({**entities, 'desc': 'lags'}, 'encoding')}.tsv"


def own_table(stem: str, kind: TargetKind, label: str) -> PurePosixPath:
    """A table of its own, beside the other files of a unit, or of a group.

    Parameters
    ----------
    stem, kind : of the unit or group, and its targets.
    label : what it is about: `minute`, `subspace`, `regions`, `regionLayers`, `regionLags`, `regionElectrodes`.
    """
    return folder(stem, kind) / f"{stem_of({**entities_of(stem), 'desc': label}, 'encoding')}.tsv"


def statistics_file(stem: str, kind: TargetKind, label: str = "findings") -> PurePosixPath:
    """A table about two models, one row a target.

    Parameters
    ----------
    stem, kind : of the unit and its targets.
    label : `findings` for the statistics of two models, `agreement` for how their predictions agree.
    """
    return folder(stem, kind) / f"{stem_of({**entities_of(stem), 'desc': label}, 'encoding')}.tsv"


def summary_file(stem: str) -> PurePosixPath:
    """What reports and the group level read."""
    return LOGS / f"{stem}_unit.json"


def saved_file(stem: str) -> PurePosixPath:
    """What was saved of a unit's models, with hashes."""
    return LOGS / f"{stem}_saved.json"


def regions_file(stem: str) -> PurePosixPath:
    """What regions were read off a unit, with hashes."""
    return LOGS / f"{stem}_regions.json"


def series_file(stem: str, kind: TargetKind, desc: str, hemi: str = "") -> PurePosixPath:
    """Time courses of all targets, of the rows that were fitted.

    Parameters
    ----------
    stem, kind : of the unit and its targets.
    desc : `predicted` or `observed`.
    hemi : L or R of a surface.
    """
    there = {"desc": desc, **({"hemi": hemi} if hemi else {})}
    return folder(stem, kind) / (stem_of({**entities_of(stem), **there}, "timeseries") + SERIES_ENDINGS[kind])


def samples_file(stem: str, kind: TargetKind) -> PurePosixPath:
    """The table that says what the rows of time courses are.

    Parameters
    ----------
    stem, kind : of the unit and its targets.
    """
    return folder(stem, kind) / f"{stem_of({**entities_of(stem), 'desc': 'samples'}, 'timeseries')}.tsv"


def models_file(stem: str, kind: TargetKind, desc: str) -> PurePosixPath:
    """Arrays of all targets' models.

    Parameters
    ----------
    stem, kind : of the unit and its targets.
    desc : `weights`, `alphas` or `blocks`.
    """
    return folder(stem, kind) / f"{stem_of({**entities_of(stem), 'desc': desc}, 'encoding')}.h5"


def weight_components_table(stem: str, kind: TargetKind) -> PurePosixPath:
    """The table of principal components of weights, where maps do not hold them.

    Parameters
    ----------
    stem, kind : of the unit and its targets.
    """
    ending = TRAITS[kind].table_ending
    return folder(stem, kind) / (stem_of({**entities_of(stem), "desc": WEIGHT_COMPONENTS}, "encoding") + ending)


def journal_of(summary: PurePosixPath) -> PurePosixPath:
    """The list of what there may be of a summary's files, while it is away.

    Parameters
    ----------
    summary : its name.
    """
    return summary.with_name(f"{summary.stem}_files.txt")


def summary_of(journal: str) -> PurePosixPath:
    """The summary whose files a list names.

    Parameters
    ----------
    journal : the name of the list, without its folder.
    """
    return LOGS / f"{journal.removesuffix('_files.txt')}.json"


def may_be_of(file: str, summary: PurePosixPath) -> bool:
    """Whether a summary may list a file, which a broken one need not: results of that participant, or of the group.

    Parameters
    ----------
    file : relative to OUT_DIR.
    summary : its name.
    """
    path = PurePosixPath(file)
    top, whose = path.parts[0] if path.parts else "", entities_of(summary.name).get("sub")
    is_result = path.name.split(".")[0].rsplit("_", 1)[-1] in ("statmap", "encoding", "channels", "timeseries")
    if not is_result or path.is_absolute() or ".." in path.parts:
        return False
    if whose is not None:
        return top == f"sub-{whose}"
    return top == str(GROUP) or top.startswith("tpl-") or (top.startswith("sub-") and f"desc-{INTER_SUBJECT}" in file)


def lock_path(out_dir: Path, participant: str | None) -> Path:
    """The lock of who writes a participant's files, or the group's.

    Parameters
    ----------
    out_dir : where results are.
    participant : the label, without `sub-`; None for the group.
    """
    return out_dir / LOGS / (f"sub-{participant}.lock" if participant else "group.lock")


def summary_path(out_dir: Path, stem: str) -> Path:
    """`summary_file` in an out_dir; written last, so a unit that has it is whole.

    Parameters
    ----------
    out_dir : where results are.
    stem : of the unit.
    """
    return out_dir / summary_file(stem)


def summary_paths(out_dir: Path, participant: str | None) -> list[Path]:
    """Summaries of a participant's units, or of the mean responses, sorted.

    Parameters
    ----------
    out_dir : where results are.
    participant : the label, without `sub-`; None for the mean responses.
    """
    paths = sorted((out_dir / LOGS).glob("*_unit.json"))
    return [path for path in paths if entities_of(path.name.removesuffix("_unit.json")).get("sub") == participant]


def stems_of(out_dir: Path, participant: str | None) -> list[str]:
    """Units of a participant that have a summary, or the mean responses, sorted.

    Parameters
    ----------
    out_dir : where results are.
    participant : the label, without `sub-`; None for the mean responses.
    """
    return [path.name.removesuffix("_unit.json") for path in summary_paths(out_dir, participant)]


def participants_of(out_dir: Path) -> list[str]:
    """Labels of the participants who have results."""
    stems = [path.name.removesuffix("_unit.json") for path in (out_dir / LOGS).glob("sub-*_unit.json")]
    return sorted({entities_of(stem)["sub"] for stem in stems})


def layers_file(stem: str, kind: TargetKind) -> PurePosixPath:
    """The table of layers, beside the unit's other files; the group's in `group`.

    Parameters
    ----------
    stem, kind : of the unit and its targets.
    """
    label = "layers" if "sub" in entities_of(stem) else "meanResponseLayers"  # group_layers_file is over participants
    return folder(stem, kind) / f"{stem_of({**entities_of(stem), 'desc': label}, 'encoding')}.tsv"


def report_file(participant: str) -> PurePosixPath:
    """A participant's report."""
    return PurePosixPath(f"sub-{participant}.html")


def methods_file(page: PurePosixPath) -> PurePosixPath:
    """A report's methods text, beside it.

    Parameters
    ----------
    page : the report.
    """
    return page.with_name(f"{page.stem}_methods.md")


def figures_folder(page: PurePosixPath) -> PurePosixPath:
    """Where the figures of a report lie.

    Parameters
    ----------
    page : the report.
    """
    return (GROUP if page == GROUP_REPORT else PurePosixPath(page.stem)) / "figures"


def figure_file(stem: str, label: str) -> PurePosixPath:
    """A figure of a report: in the participant's folder, or the group's.

    Parameters
    ----------
    stem : of the unit or group.
    label : of the figure, as in `desc-<label>`.
    """
    entities = entities_of(stem)
    top = PurePosixPath(f"sub-{entities['sub']}") if "sub" in entities else GROUP
    return top / "figures" / f"{stem_of({**entities, 'desc': label}, 'figure')}.svg"


def brain_file(stem: str) -> PurePosixPath:
    """The page of an interactive brain, beside the figures.

    Parameters
    ----------
    stem : of the unit or group.
    """
    return figure_file(stem, "brain").with_suffix(".html")


def group_map_file(stem: str, kind: TargetKind, space: str, desc: str, stat: str, hemi: str = "") -> PurePosixPath:
    """Maps over participants: `tpl-<space>/tpl-<space>_task-…_stat-…_desc-…_statmap`; of parcels in `group`.

    Parameters
    ----------
    stem, kind, space : of the group and its targets.
    desc, stat : as in a `MapFile`; empty where the name has none.
    hemi : L or R of a surface; empty for a volume.
    """
    if TRAITS[kind].by_name:
        return GROUP / _map_name(entities_of(stem), kind, desc, stat, hemi)
    rest = {key: value for key, value in entities_of(stem).items() if key != "space"}
    return PurePosixPath(f"tpl-{space}") / _map_name({**rest, "tpl": space}, kind, desc, stat, hemi)


def group_table_file(stem: str, kind: TargetKind) -> PurePosixPath:
    """The group's table: one row a parcel, or one a participant's electrode.

    Parameters
    ----------
    stem, kind : of the group and its targets.
    """
    label = "electrodes" if kind == "electrodes" else "partition"
    return GROUP / (stem_of({**entities_of(stem), "desc": label}, "encoding") + TRAITS[kind].table_ending)


def group_layers_file(stem: str) -> PurePosixPath:
    """Scores of layers over participants."""
    return GROUP / f"{stem_of({**entities_of(stem), 'desc': 'layers'}, 'encoding')}.tsv"


def inter_subject_table_file(stem: str, kind: TargetKind) -> PurePosixPath:
    """A participant's noise ceilings from others, beside their other tables.

    Parameters
    ----------
    stem, kind : of the unit and its targets.
    """
    ending = TRAITS[kind].table_ending
    return folder(stem, kind) / (stem_of({**entities_of(stem), "desc": INTER_SUBJECT}, "encoding") + ending)


def hyperparameters_file(stem: str, kind: TargetKind) -> PurePosixPath:
    """The table of what the full model chose, beside the unit's other files; a mean response's in `group`.

    Parameters
    ----------
    stem, kind : of the unit and its targets.
    """
    label = HYPERPARAMETERS if "sub" in entities_of(stem) else "meanResponseHyperparameters"
    return folder(stem, kind) / (
        stem_of({**entities_of(stem), "desc": label}, "encoding") + TRAITS[kind].table_ending
    )


def over_electrodes_file(stem: str) -> PurePosixPath:
    """Means over electrodes."""
    return GROUP / f"{stem_of({**entities_of(stem), 'desc': 'overElectrodes'}, 'encoding')}.tsv"


PARTICIPANTS_FILE = GROUP / "desc-people_encoding.tsv"
STATISTICS_FILE = GROUP / "desc-findings_encoding.tsv"
GROUP_SUMMARY = LOGS / "group.json"
GROUP_REPORT = PurePosixPath("group.html")
REFERENCES_FILE = PurePosixPath("references.bib")
