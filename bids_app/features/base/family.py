"""What a family of features is: its kind, what it is called, its options and its functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from bids_app.errors import UsageError, did_you_mean
from bids_app.records import Features, FeatureSpec, ModelSource, Stimulus

Need = Literal["audio", "words", "phones", "pronunciation"]  # pronunciation: phones, or words to look up
Role = Literal[
    "acoustic", "phonetic", "lexical", "static semantics", "speech model", "language model", "prediction", "residual",
    "other",
]  # fmt: skip
NOT_VALUES = ("", float("inf"), float("-inf"))
REQUIRED: Final = object()  # in place of a default: the analysis must say it


class Setting(Protocol):
    """A setting of a family: its default (REQUIRED: none) and the check that brings a value into its one form."""

    @property
    def default(self) -> Any:
        """What stands where the analysis says nothing."""

    def checked(self, value: Any, name: str, where: str) -> Any:
        """`value` in its one form.

        Parameters
        ----------
        value : as the analysis gives it.
        name : the option's name, for the message.
        where : the feature it belongs to, for the message.

        Raises
        ------
        UsageError
            Where the value is not allowed.
        """


@dataclass(frozen=True)
class Option:
    """A number, text or flag: its type, its default (None allows None), the least value or the choices allowed.

    Parameters
    ----------
    type : of the value.
    default : where the analysis says nothing; None also allows None, REQUIRED is no default.
    least : the least number allowed, or None.
    choices : the values allowed; empty: any.
    """

    type: type[int] | type[float] | type[str] | type[bool]
    default: Any = REQUIRED
    least: float | None = None
    choices: tuple[str, ...] = ()

    def checked(self, value: Any, name: str, where: str) -> Any:
        """`value` as this option's type.

        Parameters
        ----------
        value : as the analysis gives it.
        name : the option's name, for the message.
        where : the feature it belongs to, for the message.

        Raises
        ------
        UsageError
            Where it is of another type, too small or not among the choices.
        """
        if value is None and self.default is None:
            return None
        if self.type is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)  # 16 and 16.0 are one setting, and one key
        if type(value) is not self.type or value in NOT_VALUES or value != value:
            kind = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}[self.type]
            raise UsageError(f"'{name}' must be {kind}, not {value!r}", where)
        if self.least is not None and float(value) < self.least:
            raise UsageError(f"'{name}' must be at least {self.least:g}, not {value!r}", where)
        if self.choices and value not in self.choices:
            advice = did_you_mean(str(value), self.choices)
            raise UsageError(f"'{name}' must be {' or '.join(self.choices)}, not {value!r}", where, advice)
        return value


def no_files(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> tuple[Path, ...]:
    """For families whose values follow from the stimulus and the options alone.

    Parameters
    ----------
    stimulus, spec, source : as of `Family.files`; not used.
    """
    return ()


def no_check(stimulus: Stimulus, spec: FeatureSpec) -> None:
    """For families that ask a stimulus for nothing beyond their needs.

    Parameters
    ----------
    stimulus, spec : as of `Family.check_stimulus`; not used.
    """


def no_model(spec: FeatureSpec, source: ModelSource) -> None:
    """For families that are made without a model.

    Parameters
    ----------
    spec, source : as of `Family.check_model`; not used.
    """


def no_rules(spec: FeatureSpec) -> FeatureSpec:
    """For families whose options do not depend on each other."""
    return spec


def not_of_a_stimulus(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    """For derived families, which are made of other spaces when a model is fitted.

    Parameters
    ----------
    stimulus : not used.
    spec : its kind and name, for the message.
    source : not used.

    Raises
    ------
    UsageError
        Always.
    """
    raise UsageError(f"'{spec.kind}' is made of other spaces, not of a stimulus", f"feature '{spec.name}'")


@dataclass(frozen=True)
class Reach:
    """How far the context of a family's rows reaches back from a row's time: seconds of sound, words, or tokens (at
    most so many), one of the three.

    Parameters
    ----------
    seconds : of sound, or None.
    words : number of words, or None.
    tokens : the most tokens, or None.
    """

    seconds: float | None = None
    words: int | None = None
    tokens: int | None = None

    @property
    def most_words(self) -> int | None:
        """The most words that the context holds (a word has a token at least); None where it is one of sound."""
        return self.tokens if self.words is None else self.words

    @property
    def text(self) -> str:
        """In words, to stand after 'the context reaches back'."""
        if self.seconds is not None:
            return f"{self.seconds:g} s of sound"
        return f"{self.words} words" if self.words is not None else f"up to {self.tokens} tokens"


@dataclass(frozen=True)
class Workload:
    """What features take to compute.

    Parameters
    ----------
    operations : of floating-point numbers.
    quicker : another way of having them, as the analysis file asks for it, and its operations; None where there is
        none.
    of : what they are of, as durations are said: sound, or speech of usual speed.
    """

    operations: float
    quicker: tuple[str, float] | None = None
    of: str = "sound"


def no_workload(spec: FeatureSpec, source: ModelSource, durations_s: Sequence[float]) -> None:
    """For families that take little, or nobody knows how much.

    Parameters
    ----------
    spec, source, durations_s : as of `Family.workload`; not used.
    """


def no_context(options: Mapping[str, Any]) -> None:
    """For families whose rows know nothing before them, or nobody knows how much."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """A kind of features: all that the program knows of it stands here.

    Parameters
    ----------
    kind : its name in the analysis file.
    label : what methods texts call it, a phrase without a verb.
    role : what it stands for. A partition with one speech model and one language model compares the two.
    version : counts the changes of code that changed numbers; part of the store's key.
    needs : what a stimulus must have.
    extract : (stimulus, resolved spec, where models are) → features. The stimulus has what the family `needs`.
        `Features.provenance` holds `description`, `stamp` and `dimensions` in words, `causal` (a row depends on
        nothing after its stamp; None: not known) and `notes`.
    options : name → type, default and bounds.
    files : names the files whose bytes decide the values beside stimulus and options.
    rules : raises UsageError where options contradict each other, and fills in what depends on others.
    check_stimulus : raises DataError where a stimulus lacks something that `needs` does not name.
    check_model : raises UsageError or NoInput where a resolved spec cannot be had of its model, by what is known
        before weights are loaded.
    reach : resolved options → how far back the context of a row goes; None where there is none.
    workload : (resolved spec, where models are, seconds of each stimulus) → what they take, by what is known before
        weights are loaded; None where that is not known. For models that `check_model` lets pass.
    baseline_label : what it is called where the baseline model is made of it; empty: the baseline may not be.
    is_derived : whether it is made of other spaces in training folds; it is then never extracted.
    """

    kind: str
    label: str
    role: Role
    version: int
    needs: frozenset[Need]
    extract: Callable[[Stimulus, FeatureSpec, ModelSource], Features]
    options: Mapping[str, Setting] = field(default_factory=dict)
    files: Callable[[Stimulus, FeatureSpec, ModelSource], tuple[Path, ...]] = no_files
    rules: Callable[[FeatureSpec], FeatureSpec] = no_rules
    check_stimulus: Callable[[Stimulus, FeatureSpec], None] = no_check
    check_model: Callable[[FeatureSpec, ModelSource], None] = no_model
    reach: Callable[[Mapping[str, Any]], Reach | None] = no_context
    workload: Callable[[FeatureSpec, ModelSource, Sequence[float]], Workload | None] = no_workload
    baseline_label: str = ""
    is_derived: bool = False

    def check_options(self, spec: FeatureSpec) -> FeatureSpec:
        """`spec` with every option filled in and of its type. Raises UsageError."""
        where = f"feature '{spec.name}'"
        for name in spec.options:
            if name not in self.options:
                raise UsageError(f"unknown option '{name}' of kind '{self.kind}'", where, self._advice(name))
        values = {name: spec.options.get(name, option.default) for name, option in self.options.items()}
        for name, value in values.items():
            if value is REQUIRED:
                raise UsageError(f"the kind '{self.kind}' needs the option '{name}'", where)
        checked = {name: self.options[name].checked(value, name, where) for name, value in values.items()}
        return self.rules(replace(spec, options=checked))

    def _advice(self, name: str) -> str:
        known = f"it has {', '.join(self.options)}" if self.options else "it has none"
        return did_you_mean(name, self.options) or known
