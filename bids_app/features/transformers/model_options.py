"""Settings that families with a model share: which model, which layers, how words and tokens meet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bids_app.errors import UsageError
from bids_app.features.base.family import REQUIRED, Option, Setting
from bids_app.records import FeatureSpec

Layer = int | str  # a number (0: the input of the first block) or a part before the blocks
PARTS = ("cnn", "projection")  # of speech models, in the order in which they are computed


@dataclass(frozen=True)
class Untrained:
    """`untrained: true` is seed 0, a number is that seed; `false` and nothing are trained weights. Kept as a seed."""

    default: Any = None

    def checked(self, value: Any, name: str, where: str) -> int | None:
        """The seed or None.

        Parameters
        ----------
        value : as the analysis gives it.
        name : the option's name, for the message.
        where : the feature it belongs to, for the message.

        Raises
        ------
        UsageError
            Where it is neither true, false nor a whole number from 0.
        """
        if value is None or value is False:
            return None
        if value is True:
            return 0
        return int(Option(int, least=0).checked(value, name, where))


@dataclass(frozen=True)
class Layers:
    """A layer, a list of layers without repetition, or `all` (every number). Kept as given.

    Parameters
    ----------
    parts : names of parts that count as layers.
    default : where the analysis says nothing; REQUIRED: none.
    """

    parts: tuple[str, ...] = ()
    default: Any = REQUIRED

    def checked(self, value: Any, name: str, where: str) -> Any:
        """`value`.

        Parameters
        ----------
        value : as the analysis gives it.
        name : the option's name, for the message.
        where : the feature it belongs to, for the message.

        Raises
        ------
        UsageError
            Where a layer is named wrongly, or twice.
        """
        if isinstance(value, (list, tuple)):
            if not value or len(set(map(str, value))) < len(value):
                raise UsageError(f"'{name}' must list layers, each once, not {list(value)!r}", where)
            return [self._one(layer, name, where) for layer in value]
        return value if value == "all" else self._one(value, name, where)

    def _one(self, value: Any, name: str, where: str) -> Layer:
        if isinstance(value, str):
            choices = (*self.parts, "a number", "a list", "all")
            if value not in self.parts:
                raise UsageError(f"'{name}' must be {', '.join(choices)}, not {value!r}", where)
            return value
        return int(Option(int, least=0).checked(value, name, where))


@dataclass(frozen=True)
class Rolling:
    """`{tokens: …, stride: …}`: the longest window, and how far it moves on; the stride is half of it by default."""

    default: Any = None

    def checked(self, value: Any, name: str, where: str) -> dict[str, int] | None:
        """Both numbers, or None.

        Parameters
        ----------
        value : as the analysis gives it.
        name : the option's name, for the message.
        where : the feature it belongs to, for the message.

        Raises
        ------
        UsageError
            Where it is of another form, or the stride longer than the window.
        """
        if value is None:
            return None
        if not isinstance(value, dict) or not set(value) <= {"tokens", "stride"} or "tokens" not in value:
            raise UsageError(f"'{name}' must be {{tokens: …, stride: …}}, not {value!r}", where)
        tokens = int(Option(int, least=2).checked(value["tokens"], f"{name}.tokens", where))
        stride = int(
            Option(int, tokens // 2, least=1).checked(value.get("stride", tokens // 2), f"{name}.stride", where)
        )
        if stride > tokens:
            raise UsageError(f"'{name}.stride' must be at most {tokens}, its tokens, not {stride}", where)
        return {"tokens": tokens, "stride": stride}


MODEL: dict[str, Setting] = {"model": Option(str), "revision": Option(str, None), "untrained": Untrained()}
CONTEXT: dict[str, Setting] = {"context_words": Option(int, None, least=0), "context": Rolling()}
CASING: dict[str, Setting] = {"casing": Option(str, "as_written", choices=("as_written", "lower"))}
CONTEXT_WORDS = 32  # where neither is given


def wanted_layers(spec: FeatureSpec, known: Iterable[Layer]) -> list[Layer]:
    """The layers that a resolved spec asks for.

    Parameters
    ----------
    spec : with the option `layer`.
    known : layers of the model, by number and by part.

    Raises
    ------
    UsageError : the model lacks a layer.
    """
    there, given = list(known), spec.options["layer"]
    numbers = [layer for layer in there if isinstance(layer, int)]
    if given == "all":
        return list(numbers)
    layers: list[Layer] = given if isinstance(given, list) else [given]
    for layer in layers:
        if layer not in there:
            parts = [layer for layer in there if isinstance(layer, str)]
            named = f" and {', '.join(parts)}" if parts else ""
            advice = f"{spec.options['model']} has layers 0 to {max(numbers)}{named}"
            raise UsageError(f"no layer {layer}", f"feature '{spec.name}'", advice)
    return layers
