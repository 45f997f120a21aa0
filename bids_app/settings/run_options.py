"""HOW a run is made: nothing here changes a number, so nothing here is hashed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bids_app.records import ModelSource, RecordingQuery


@dataclass(frozen=True)
class ChosenModel:
    """One of the several models that an analysis names for a feature.

    Parameters
    ----------
    feature : its name.
    model : name, as `model:` has it.
    """

    feature: str
    model: str

    @property
    def label(self) -> str:
        """Its folder in OUT_DIR: letters and digits of the name without the hub's owner."""
        return "".join(character for character in self.model.split("/")[-1] if character.isalnum())


@dataclass(frozen=True)
class AskedRegions:
    """Which regions finished results are summarised by.

    Parameters
    ----------
    atlases : files, or names that are looked for in local folders.
    folders : which these are, before TemplateFlow's and nilearn's own.
    localisers : name of a region → file of each participant's own mask, with `{participant}` in it.
    """

    atlases: tuple[str, ...] = ()
    folders: tuple[Path, ...] = ()
    localisers: tuple[tuple[str, str], ...] = ()

    @property
    def any(self) -> bool:
        """Whether there are any."""
        return bool(self.atlases or self.localisers)


@dataclass(frozen=True)
class RunOptions:
    """The command line, resolved."""

    query: RecordingQuery
    levels: tuple[str, ...]  # 'participant', 'group', in this order
    analysis: str  # preset or file
    models: ModelSource
    stimuli: str | None = None  # a recipe by name or file; None: as the analysis and the events say
    stimuli_table: Path | None = None  # what the recipe asks for, by recording
    model: ChosenModel | None = None  # of the several that the analysis names; None: it names none
    features_from: tuple[Path, ...] = ()  # other OUT_DIRs, read and never written
    beside: tuple[Path, ...] = ()  # OUT_DIRs of the other models: features that are the same are copied from there
    threads: int | None = None  # None: as many as torch takes; of each worker process its share of the cores
    mem_mb: int | None = None  # of the whole process, and of each worker; None: the fit's own default
    nprocs: int = 1  # worker processes on this machine; 1: none but this one
    scheduler: str | None = None  # address of a dask cluster that is there
    scheduler_file: Path | None = None  # the same, of whose address it tells
    work_dir: Path | None = None  # of working files and temporary ones; None: OUT_DIR/logs, and the machine's own
    save: tuple[str, ...] = ()  # what is kept of models beside their scores; the analysis may name more
    regions: AskedRegions = AskedRegions()  # that finished results are summarised by
    dry_run: bool = False
    force: bool = False
    stop_on_first_crash: bool = False
    reports_only: bool = False
    features_only: bool = False  # of everybody's stimuli, and nothing is fitted
    quiet: bool = False
    verbose: int = 0
    command: str = ""  # as it was typed, for the log

    @property
    def on_cluster(self) -> bool:
        """Whether work is given to other processes."""
        return self.nprocs > 1 or self.scheduler is not None or self.scheduler_file is not None

    @property
    def bids_dir(self) -> Path:
        """The data set read."""
        return self.query.bids_dir

    @property
    def out_dir(self) -> Path:
        """The folder written."""
        return self.query.out_dir

    @property
    def scratch_dir(self) -> Path:
        """Where folders of working files are made."""
        return self.work_dir or self.out_dir / "logs"

    @property
    def named_folders(self) -> tuple[Path, ...]:
        """Folders that links of the data set may lead into: those that the command line names. That of a table counts
        unless the data set lies in it."""
        table = None if self.stimuli_table is None else self.stimuli_table.resolve().parent
        tables = () if table is None or self.bids_dir.is_relative_to(table) else (table,)
        models = () if self.models.model_dir is None else (self.models.model_dir,)
        derivatives = self.query.derivatives.values()
        return (self.bids_dir, *derivatives, *models, *self.features_from, *self.beside, *tables)
