"""An OUT_DIR opened: participants, units, scores, maps, findings and features, read back from what was written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from bids_app.api import findings as findings_of
from bids_app.api.saved import Alphas, Predictions, Weights, alphas_of, predictions_of, weights_of
from bids_app.api.units import GROUP, Unit, fits, score_rows, unit_of
from bids_app.api.written import Written, written_group, written_unit
from bids_app.errors import NoInput, ReadWriteError, UsageError, did_you_mean
from bids_app.features.sidecar import read_sidecar
from bids_app.features.store import read_features
from bids_app.outputs.derivatives.data_set import FORMAT, FORMAT_KEY, folders_of_results, holds_results
from bids_app.outputs.derivatives.read_unit import read_unit
from bids_app.outputs.files import names
from bids_app.outputs.files.files import read_json
from bids_app.outputs.files.proof import require_files, require_group
from bids_app.outputs.files.serialise import read_summary
from bids_app.records import (
    TRAITS,
    Features,
    UnitSummary,
)

if TYPE_CHECKING:
    import pandas as pd

STIMULI = "stimuli"  # folder of features
FEATURES_NAME = re.compile(r"stim-(?P<label>[^_]+)_desc-[^_]+_features\.json")


def open(out_dir: str | Path) -> Results:  # noqa: A001
    """Open what `concord` wrote.

    Summaries are read, each proved by its own hash; maps and tables are read, and proved, when they are asked for.

    Parameters
    ----------
    out_dir : an OUT_DIR. Of several models it has a folder for each: open one of these.

    Raises
    ------
    NoInput : there is no OUT_DIR.
    UsageError : it holds the folders of several models, or files as another version of Concord laid them out.
    ReadWriteError : a summary is not what was written.

    Examples
    --------
    >>> import bids_app as concord
    >>> results = concord.open("out")  # doctest: +SKIP
    >>> results.map("01", "uniqueSpeech", "rsquared").to_filename("unique.nii.gz")  # doctest: +SKIP
    """
    root = Path(out_dir)
    if not holds_results(root):
        if several := [path.name for path in folders_of_results(root)]:
            raise UsageError("OUT_DIR holds the results of several models", root, f"open one of {', '.join(several)}")
        raise NoInput("no results of Concord", root, "give the OUT_DIR of a run")
    there = read_json(root / "dataset_description.json").get(FORMAT_KEY, 1)
    if there != FORMAT:
        what = f"OUT_DIR was written by another version of Concord (files of format {there}, not {FORMAT})"
        raise UsageError(what, root, "read it with that version, or run this one into a new OUT_DIR")
    paths = [path for one in names.participants_of(root) for path in names.summary_paths(root, one)]
    return Results(root, tuple(read_summary(path, UnitSummary) for path in paths))


@dataclass(frozen=True, repr=False, eq=False)
class Results:
    """An opened OUT_DIR, as `concord.open` gives it. Nothing here changes a file.

    Parameters
    ----------
    out_dir : where it lies.
    summaries : of all units of participants, as they were written.
    """

    out_dir: Path
    summaries: tuple[UnitSummary, ...] = field(repr=False)

    def __repr__(self) -> str:
        counts = f"{len(self.participants)} participants, {len(self.summaries)} units"
        return f"<Results of Concord in {self.out_dir}: {counts}>"

    @property
    def participants(self) -> tuple[str, ...]:
        """Labels of the participants who have results, without `sub-`, sorted."""
        return tuple(sorted({one.participant for one in self.summaries}))

    @property
    def units(self) -> tuple[Unit, ...]:
        """What was fitted: a participant, task and space each, sorted by participant and name."""
        return tuple(unit_of(one.stem, one, written_unit(self.out_dir, one)) for one in self.summaries)

    def scores(self) -> pd.DataFrame:
        """Every unit's components in numbers over its targets, as its report has them.

        Returns
        -------
        DataFrame
            One row a unit, component, stat and set of targets: `participant`, `unit`, `task`, `session`, `space`,
            `modality`, `targets_kind`, `component`, `kind` (full, alone, unique, shared, baseline, …), `stat`
            (`rsquared`: held out and signed; `r`, `ceiling`, `share`, `shapley`, `product`), `targets` (`usable`, or
            `predicted`: those with a full R² above 0.01), `n` targets, their `mean`, `median`, `q25` and `q75`,
            `fraction_positive`; of `rsquared` over usable targets, where tests were made, `fraction_pfwe` and
            `fraction_q`: the share of targets with a family-wise p, or a q, of at most the analysis's level.
        """
        import pandas as pd

        return pd.DataFrame([row for one in self.summaries for row in score_rows(one)])

    def values(
        self,
        participant: str,
        components: Sequence[str] | None = None,
        *,
        unit: str | None = None,
        task: str | None = None,
        space: str | None = None,
    ) -> pd.DataFrame:
        """Numbers target by target.

        Parameters
        ----------
        participant, unit, task, space : which unit, as of `map`.
        components : labels; None: all.

        Returns
        -------
        DataFrame
            One row a component and target: `component`, `target` (`i,j,k` of a voxel, `L:n` of a vertex, the name of
            a parcel or electrode), and a column a stat: `rsquared`, `r`, `p`, `pfwe`, `q`, `ci025`, `ci975`, …;
            NaN where a component has no such number.

        Raises
        ------
        UsageError, ReadWriteError : as `map` does.
        """
        import pandas as pd

        chosen, written = self._chosen(participant, unit, task, space)
        labels = list(chosen.components if components is None else components)
        for label in labels:
            _require(label, chosen.components, f"component of {chosen.name}")
        targets, read = written.values([(label, stat) for label in labels for stat in chosen.numbers[label]])
        frames = [
            pd.DataFrame(
                {
                    "component": label,
                    "target": list(targets.names),
                    **{stat: read[label, stat] for stat in chosen.numbers[label]},
                }
            )
            for label in labels
        ]
        return pd.concat(frames, ignore_index=True)

    def map(
        self,
        participant: str,
        component: str,
        stat: str = "rsquared",
        *,
        unit: str | None = None,
        task: str | None = None,
        space: str | None = None,
        hemi: str | None = None,
    ) -> Any:
        """One number of all targets, where they lie.

        Parameters
        ----------
        participant : label, with or without `sub-`; `group` for what is over participants (`rsquared`: the mean).
        component : its label: `full`, `speech`, `uniqueSpeech`, `sharedSpeechLanguage`, `speechBeyondBaseline`, ….
        stat : `rsquared`, `r`, `p`, `pfwe`, `q`, `ci025`, `ci975`, …: see `Unit.numbers`.
        unit : name of the unit, where the participant has several that nothing else tells apart.
        task, space : of the unit.
        hemi : L or R of a surface.

        Returns
        -------
        An image of nibabel, NaN where no target is: `Nifti1Image` (i, j, k) of a volume, `GiftiImage` of a
        hemisphere, `Cifti2Image` (1, n_greyordinates). Of electrodes, parcels and arrays, which are in tables, a
        pandas Series by the target's name (over participants' electrodes by participant and name). R² is held out
        and signed, a share of variance.

        Raises
        ------
        UsageError : there is no such unit or number, or there are several; the choices are named.
        ReadWriteError : a file is gone, broken, or not what was written.
        """
        chosen, written = self._chosen(participant, unit, task, space)
        _require(component, chosen.components, f"component of {chosen.name}")
        _require(stat, chosen.numbers[component], f"stat of {component} in {chosen.name}")
        if TRAITS[chosen.kind].layout == "table":
            return written.series((component, stat))
        sides = TRAITS[chosen.kind].sides
        side = "" if len(sides) == 1 else _require(hemi or "", sides, f"hemi of the surface {chosen.name}")
        return written.image((component, stat), side)

    def predictions(
        self, participant: str, *, unit: str | None = None, task: str | None = None, space: str | None = None
    ) -> Predictions:
        """Held-out time courses that the full model predicts, beside the responses: `--save predictions`.

        Parameters
        ----------
        participant, unit, task, space : which unit, as of `map`.

        Returns
        -------
        Predictions : `predicted` and `observed` (n_times, n_targets), with their `samples` and `targets`.

        Raises
        ------
        UsageError : there is no such unit.
        NoInput : its predictions were not saved.
        ReadWriteError : a file is gone, broken, or not what was written.
        """
        chosen, written = self._chosen(participant, unit, task, space)
        targets, _ = written.values([("full", "rsquared")])
        return predictions_of(self.out_dir, self._summary(chosen), targets)

    def weights(
        self, participant: str, *, unit: str | None = None, task: str | None = None, space: str | None = None
    ) -> dict[str, Weights]:
        """FIR (or TRF) weights of the full model: `--save weights`.

        Parameters
        ----------
        participant, unit, task, space : which unit, as of `map`.

        Returns
        -------
        Feature space → `Weights`: `values` (n_folds, n_delays, k, n_targets), and what they are weights on.

        Raises
        ------
        UsageError, NoInput, ReadWriteError : as of `predictions`.
        """
        return weights_of(self.out_dir, self._summary(self._chosen(participant, unit, task, space)[0]))

    def alphas(
        self, participant: str, *, unit: str | None = None, task: str | None = None, space: str | None = None
    ) -> Alphas:
        """Penalties and band weights of every outer fold and union: `--save alphas`. The medians of the full model
        are always there: `values(participant, ["hyperparameters"])`.

        Parameters
        ----------
        participant, unit, task, space : which unit, as of `map`.

        Returns
        -------
        Alphas : `alpha` {union: (n_folds, n_targets)}, `band_weights` {union: {feature space: the same}}.

        Raises
        ------
        UsageError, NoInput, ReadWriteError : as of `predictions`.
        """
        return alphas_of(self.out_dir, self._summary(self._chosen(participant, unit, task, space)[0]))

    def findings(self, participant: str | None = None) -> pd.DataFrame:
        """What the reports say, sentence by sentence, and the numbers that it rests on.

        Parameters
        ----------
        participant : label, or `group`; None: the group, where there is one, and all participants.

        Returns
        -------
        DataFrame
            `participant` (or `group`), `unit`, `topic`, `about`, `finding` (a sentence), `value`, `low`, `high` (the
            ends of its 95 % confidence interval), `p` (of means over participants' electrodes; other tests are target
            by target: see `map`) and `n` (targets; over participants these). Topics: `warning`
            (what not to conclude), `component` (mean R² and how many targets are significant), `baseline` and
            `models` (sentences of the report: they hold their own numbers), `statistic` (numbers of two models that
            are compared).

        Raises
        ------
        UsageError : there is no such participant.
        ReadWriteError : a file is gone, broken, or not what was written; or the group level is of other results.
        """
        import pandas as pd

        rows: list[findings_of.Row] = []
        whose = None if participant is None else self._label(participant)
        if whose in (None, GROUP):
            is_there = whose == GROUP or (self.out_dir / names.GROUP_SUMMARY).exists()
            groups = require_group(self.out_dir).groups if is_there else ()
            rows += [row for one in groups for row in findings_of.group_rows(one)]
        for one in self.summaries:
            if whose in (None, one.participant):
                require_files(self.out_dir, one, map(PurePosixPath, one.files))
                rows += findings_of.unit_rows(read_unit(names.summary_path(self.out_dir, one.stem)))
        return pd.DataFrame(rows, columns=list(findings_of.COLUMNS))

    def features(self, stimulus: str, space: str) -> Features:
        """Features of a stimulus.

        Parameters
        ----------
        stimulus : its label (`story1`) or its path in /stimuli (`story1.wav`).
        space : name of the feature space, as the analysis has it.

        Returns
        -------
        Features : `values` (n_times, n_dims) and `times_s` (n_times,), the second of the stimulus at which each row
            is available, with its provenance.

        Raises
        ------
        UsageError : there is no such stimulus or space; the choices are named.
        ReadWriteError : the files are not what was written.
        """
        stored = list(self._stored())
        heard = {key: label for label, stimulus_id, _, _ in stored for key in (stimulus_id, label)}
        label = heard[_require(stimulus, tuple(heard), f"stimulus with features in {self.out_dir}")]
        spaces = {name: path for own, _, name, path in stored if own == label}
        path = spaces[_require(space, tuple(spaces), f"feature space of {label}")]
        sidecar = read_sidecar(path)
        found = None if sidecar is None else read_features(path.with_suffix(".h5"), sidecar.key)
        if found is None:
            raise ReadWriteError("features have changed since they were written", path, "run concord again")
        return found

    # -------------------------------------------------------------------------------------------- which
    def _summary(self, unit: Unit) -> UnitSummary:
        """That of a participant's unit. Raises UsageError where it is over participants."""
        for one in self.summaries:
            if one.stem == unit.name and unit.participant != GROUP:
                return one
        raise UsageError("models are of participants alone", self.out_dir, "name one of them")

    def _chosen(
        self, participant: str, name: str | None, task: str | None, space: str | None
    ) -> tuple[Unit, Written]:
        """The one unit that is asked for. Raises UsageError."""
        whose = self._label(participant)
        there = list(self._of_group() if whose == GROUP else self._of(whose))
        asked = {"unit": name, "task": task, "space": space}
        chosen = [one for one in there if fits(one[0], asked)]
        if len(chosen) == 1:
            return chosen[0]
        said = ", ".join(f"{key} {value}" for key, value in asked.items() if value is not None)
        choices = "; ".join(one.name for one, _ in (chosen or there)) or "none"
        what = f"{len(chosen) or 'no'} units of {whose}{f' with {said}' if said else ''}"
        raise UsageError(what, self.out_dir, f"choose by unit, task or space of: {choices}")

    def _label(self, participant: str) -> str:
        label = str(participant).removeprefix("sub-")
        return label if label == GROUP else _require(label, self.participants, f"participant in {self.out_dir}")

    def _of(self, participant: str) -> Iterator[tuple[Unit, Written]]:
        for one in self.summaries:
            if one.participant == participant:
                written = written_unit(self.out_dir, one)
                yield unit_of(one.stem, one, written), written

    def _of_group(self) -> Iterator[tuple[Unit, Written]]:
        group = require_group(self.out_dir)
        for one in group.groups:
            if one.has_values:
                written = written_group(self.out_dir, group, one)
                yield unit_of(one.stem, one, written), written

    def _stored(self) -> Iterator[tuple[str, str, str, Path]]:
        """Label and path of the stimulus, space, and JSON file of all features."""
        for path in sorted((self.out_dir / STIMULI).glob("stim-*/*_features.json")):
            named, sidecar = FEATURES_NAME.fullmatch(path.name), read_sidecar(path)
            if named is not None and sidecar is not None:  # others are damaged, and not there
                yield named["label"], str(read_json(path).get("Stimulus", "")), sidecar.space, path


def _require(name: str, known: Sequence[str], what: str) -> str:
    """A name that is one of those known. Raises UsageError, with the choices."""
    if name not in known:
        advice = [did_you_mean(name, known), f"there are {', '.join(known) or 'none'}"]
        raise UsageError(f"no {what} is '{name}'", hint="; ".join(filter(None, advice)))
    return name
