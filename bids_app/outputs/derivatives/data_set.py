"""The data set's own files: description, README, .bidsignore, the analysis. Shared by jobs, hence a lock."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from bids_app.disk import locked, read_text
from bids_app.errors import CannotCreate, UsageError
from bids_app.outputs.files import names
from bids_app.outputs.files.files import Sidecar, json_text, read_json, tsv_text, write_if_new, write_text
from bids_app.outputs.wording.definitions import Definitions
from bids_app.records import (
    HYPERPARAMETERS,
    INTER_SUBJECT,
    AnalysisProvenance,
    Component,
    agreement_label,
    all_components,
    best_layer_label,
    space_label,
)

BIDS_VERSION = "1.10.0"
IGNORED = (
    "*.html", "*_methods.md", "references.bib", "figures", "*_statmap.*", "*_encoding.*", "*_timeseries.*",
    "analysis.yaml", "plan.json", "status.*", "group", "logs",
)  # fmt: skip
PATIENCE_S = 60.0  # of waiting for these files, which are written in a fraction of a second
HASH_LINE = "# analysis hash: "
FORMAT_KEY, FORMAT = "OutputFormat", 2  # raised whenever files are named or laid out otherwise: others are refused


@dataclass(frozen=True)
class DataSetFacts:
    """What the data set's own files say.

    Parameters
    ----------
    analysis : the resolved analysis, as results need it.
    resolved : all of it, with every default, as analysis.yaml has it.
    datasets : name → root of every data set read.
    version : of the program.
    baseline : bands of the baseline, as features of stimuli are named.
    controls : components of no partition that the analysis asks for.
    """

    analysis: AnalysisProvenance
    resolved: Mapping[str, object]
    datasets: Mapping[str, Path]
    version: str
    baseline: tuple[str, ...] = ()
    controls: tuple[Component, ...] = ()


def prepare(out_dir: Path, facts: DataSetFacts, say: Callable[[str], object] = str) -> None:
    """Create out_dir and its data-set-level files; safe for jobs that do so at the same time.

    Parameters
    ----------
    out_dir : where results go.
    facts : what the files say.
    say : takes a line where another job holds them for long.

    Raises
    ------
    UsageError : where out_dir holds another analysis, another data set, or files as another version laid them out.
    CannotCreate : where it cannot be written.
    Busy : where another job holds them for over a minute.
    """
    try:
        (out_dir / names.LOGS).mkdir(parents=True, exist_ok=True)
        with locked(out_dir / names.LOGS / "prepare.lock", say, PATIENCE_S):
            _refuse_others(out_dir, facts.analysis.hash)
            _write(out_dir, facts)
    except OSError as error:
        raise CannotCreate("cannot create OUT_DIR", out_dir, error.strerror or "choose another") from None


def require_own(out_dir: Path, analysis_hash: str) -> None:
    """Make sure that results of an analysis may be written there, before anything is; `prepare` has the last word.

    Parameters
    ----------
    out_dir : where results go.
    analysis_hash : of the analysis.

    Raises
    ------
    UsageError : where out_dir holds another analysis, another data set, or files as another version laid them out.
    CannotCreate : where it cannot be read.
    """
    try:
        _refuse_others(out_dir, analysis_hash)
    except OSError as error:
        raise CannotCreate("cannot create OUT_DIR", out_dir, error.strerror or "choose another") from None


def holds_results(out_dir: Path) -> bool:
    """Whether a run has begun to write there, this one's analysis or another's."""
    return (out_dir / "analysis.yaml").exists()


def folders_of_results(out_dir: Path) -> tuple[Path, ...]:
    """Folders in out_dir that are OUT_DIRs themselves, as of several models, sorted."""
    return tuple(sorted(path.parent for path in out_dir.glob("*/analysis.yaml")))


def write_plan(out_dir: Path, plan: Mapping[str, object]) -> Path:
    """Write plan.json of a dry run.

    Parameters
    ----------
    out_dir : where results go.
    plan : key → what would be done, as JSON knows it.

    Returns
    -------
    The file's path.

    Raises
    ------
    CannotCreate : where it cannot be written.
    """
    return write_text(out_dir / "plan.json", json_text(plan))


def _refuse_others(out_dir: Path, analysis_hash: str) -> None:
    """Results of two analyses, of two layouts of files, or of another program, must not mix."""
    saved, description = out_dir / "analysis.yaml", out_dir / "dataset_description.json"
    described = description.exists()  # asked first, as it is written last: another job may write them meanwhile
    if saved.exists() and described:
        there = read_json(description).get(FORMAT_KEY, 1)
        if there != FORMAT:
            what = f"OUT_DIR was written by another version of Concord (files of format {there}, not {FORMAT})"
            raise UsageError(what, out_dir, "choose a new one; --features-from the old one uses its features")
    if saved.exists():
        first = read_text(saved, "replace").split("\n", 1)[0]
        if first != HASH_LINE + analysis_hash:
            there = first.removeprefix(HASH_LINE)
            what = f"OUT_DIR holds results of another analysis ({there}, not {analysis_hash})"
            raise UsageError(what, out_dir, "choose another OUT_DIR")
    elif described:
        raise UsageError("OUT_DIR holds another data set", out_dir, "choose another OUT_DIR")


def _write(out_dir: Path, facts: DataSetFacts) -> None:
    import yaml

    # The analysis comes first: it marks the folder as ours should we be killed half way.
    text = yaml.safe_dump(_as_data(facts.resolved), sort_keys=False, allow_unicode=True, default_flow_style=None)
    write_if_new(out_dir / "analysis.yaml", f"{HASH_LINE}{facts.analysis.hash}\n{text}")
    description = out_dir / "dataset_description.json"
    kept = read_json(description).get("DatasetLinks") if description.exists() else None
    links = kept if isinstance(kept, dict) else {}
    links |= {name: _relative(root, out_dir) for name, root in facts.datasets.items()}
    content = _description(facts.analysis.name, dict(sorted(links.items())), facts.version)
    write_if_new(description, json_text(content))
    write_if_new(out_dir / ".bidsignore", "\n".join(IGNORED) + "\n")
    write_if_new(out_dir / "README.md", README)
    write_if_new(out_dir / "descriptions.tsv", _descriptions(facts))


def _as_data(analysis: Mapping[str, object]) -> Any:
    """Dicts and lists alone, as YAML's safe writer takes them."""
    return json.loads(json.dumps(analysis))


def data_set_of(out_dir: Path) -> Path:
    """The data set that results were made from, as they name it; the working folder where they name none.

    Parameters
    ----------
    out_dir : where results are.

    Raises
    ------
    ReadWriteError : dataset_description.json cannot be read.
    """
    description = out_dir / "dataset_description.json"
    links = read_json(description).get("DatasetLinks") if description.exists() else None
    raw = links.get("raw") if isinstance(links, dict) else None
    return (out_dir.resolve() / raw).resolve() if isinstance(raw, str) else Path.cwd()


def _relative(root: Path, out_dir: Path) -> str:
    """Both folders can move together, and two runs beside each other write the same."""
    return Path(os.path.relpath(root.resolve(), out_dir.resolve())).as_posix()


def _description(analysis: str, links: Mapping[str, str], version: str) -> Sidecar:
    return {
        "Name": f"Concord: {analysis}",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        FORMAT_KEY: FORMAT,
        "GeneratedBy": [
            {"Name": "Concord", "Version": version, "Description": "Encoding models of speech and language"}
        ],
        "DatasetLinks": dict(links),
    }


def _descriptions(facts: DataSetFacts) -> str:
    """descriptions.tsv: what every `desc-` in a file's name stands for."""
    analysis = facts.analysis
    groups, extra = tuple(analysis.groups), analysis.extra_partitions
    definitions = Definitions(groups, extra)
    components = all_components(groups, extra, facts.controls)
    rows = {label: definitions.short(component) for label, component in components.items()}
    for space in (*analysis.features, *facts.baseline):
        label, meaning = space_label(space), f"features of the space {space}"
        rows[label] = f"{rows[label]}; in stimuli: {meaning}" if label in rows else meaning
    pairs = [agreement_label(pair) for pair in combinations(groups, 2)]
    rows |= dict.fromkeys(pairs, "correlation of the held-out time courses that two models predict, each alone")
    for space in (name for name, settings in analysis.features.items() if settings.has_layers):
        rows[best_layer_label(space)] = f"the best layer of {space}, target by target, and its held-out score"
        rows["layers"] = "table of every layer's scores, one row a space, layer and region"
    rows |= {
        "findings": "table of statistics of two models: scores, agreement, shares and comparisons",
        "agreement": "table of the correlations of predicted time courses, one row a target",
        "partition": "table of all components, one row a target",
        **({"subspace": "table of canonical correlations, one row a fold and pair"} if extra else {}),
        HYPERPARAMETERS: "what the full model chose in its inner folds: median log alpha and band weights",
        "predicted": "held-out time courses that the full model predicts",
        "observed": "time courses of the responses beside them",
        "samples": "what the rows of these time courses are",
        "weights": "weights of the full model, fold by fold",
        names.WEIGHT_COMPONENTS: "principal components of these weights over targets",
        "blocks": "held-out sums of squares of every union by block of time",
        "alphas": "penalties and band weights of every fold and union",
        INTER_SUBJECT: "noise ceilings from others who heard the same, and the full model's share of them",
        "overElectrodes": "table of means over participants' electrodes",
        "lags": "table of model weights, one row an electrode and lag",
        "minute": "table of one minute of a recording: what was heard, and one response, as the report draws it",
    }
    return tsv_text({"desc_id": [f"desc-{label}" for label in rows], "description": list(rows.values())})


README = """\
# Results of Concord

How much of each voxel's, vertex's, parcel's or electrode's response do feature spaces of speech and language
predict, and how is that split between what they share and what is theirs alone? JSON files say in words what
each number is, which samples it was computed from and with which software and models.

Maps: R² of the partition's components has a file each (`stat-rsquared_desc-<component>`). All else is one file a stat
(`stat-p`, `stat-r`, …) with one map a component: the order is that of `Components` in the JSON of the same name, and
GIFTI and CIFTI hold the names too.

| | |
|---|---|
| `sub-*.html`, `group.html` | reports: begin here |
| `*_methods.md`, `references.bib` | the methods in sentences for a paper, and the works that these cite |
| `sub-*/func`, `sub-*/ieeg` | maps and tables; descriptions.tsv explains `desc-` and the names of maps and columns |
| `sub-*/*_statmap.json` | what holds for all maps of a person and space; what each map is stands beside the maps |
| `tpl-*`, `group` | maps and tables over participants |
| `stimuli` | features of each stimulus |
| `analysis.yaml` | the analysis with every default; `concord --analysis analysis.yaml` repeats it |
| `status.tsv`, `logs` | what was done, how long it took, what failed and why |

R² is held out and signed: below 0, the model predicts worse than the mean of its training samples.
"""
