"""One place for how figures look and how they become bytes."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

DPI = 110  # of the parts that are drawn as pixels
INK, MUTED, GRID = "#1d2733", "#66717e", "#dfe4ea"
SHARED = "#7c8794"
GROUP_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b2569b")  # after Okabe and Ito, distinct to colour-blind eyes
OTHER_COLOURS = ("#e69f00", "#56b4e9", "#000000", "#8c6d31")  # of bands that are no group of their own
SIGNED, ORDERED = "RdBu_r", "viridis"
STYLE = {
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same letters everywhere
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titley": 1.0,  # else it is looked for above what ticks and labels take, which is measured again and again
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.color": INK,
    "text.parse_math": False,  # names of channels are text, whatever signs they hold
    "svg.hashsalt": "concord",
    "legend.frameon": False,
}


def band_colours(bands: Sequence[str], groups: Sequence[str]) -> dict[str, str]:
    """A colour a band: where it is a feature group of its own that of the group, as in all other figures.

    Parameters
    ----------
    bands, groups : their names.
    """
    own = dict(zip(groups, GROUP_COLOURS, strict=False))
    others = [band for band in bands if band not in own]
    return own | {band: OTHER_COLOURS[place % len(OTHER_COLOURS)] for place, band in enumerate(others)}


@contextmanager
def styled() -> Iterator[None]:
    """Our look, whatever the user's matplotlibrc says."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def new_figure(width: float, height: float) -> Any:
    """An empty figure (inches) that no window knows of.

    Parameters
    ----------
    width, height : in inches.

    Returns
    -------
    matplotlib's figure, drawn by Agg.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def svg_bytes(figure: Any) -> bytes:
    """The figure as SVG without date or version."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", dpi=DPI, metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def as_pixels(axes: Sequence[Any]) -> None:
    """Draw what these axes hold as pixels, text excepted: brains have thousands of edges."""
    for one in axes:
        for artist in (*one.images, *one.patches, *one.collections, *one.lines):
            artist.set_rasterized(True)


@dataclass(frozen=True)
class Scale:
    """Colours of numbers from `low` to `high`; `hidden`: the size below which a brain is left grey."""

    low: float
    high: float
    colours: str = SIGNED
    hidden: float = 0.0

    def __call__(self, values: Any) -> Any:
        """(n, 4) colours of (n,) numbers."""
        import matplotlib

        return matplotlib.colormaps[self.colours]((values - self.low) / ((self.high - self.low) or 1.0))

    @property
    def drawn(self) -> dict[str, Any]:
        """The keyword arguments of matplotlib's images and dots."""
        return {"cmap": self.colours, "vmin": self.low, "vmax": self.high}


def colour_bar(figure: Any, place: tuple[float, float, float, float], limit: float, label: str) -> None:
    """A horizontal colour bar from −limit to limit.

    Parameters
    ----------
    figure : on which it is drawn.
    place : left, bottom, width, height, as shares of the figure.
    limit : the end of the scale.
    label : its title.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    axes = figure.add_axes(place)
    bar = figure.colorbar(ScalarMappable(Normalize(-limit, limit), SIGNED), cax=axes, orientation="horizontal")
    bar.set_ticks([-limit, 0, limit], labels=[f"−{limit:.2g}", "0", f"{limit:.2g}"])
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=8)
    bar.ax.set_title(label, fontsize=8, fontweight="normal", loc="center", pad=3)


def ordered_bar(figure: Any, place: tuple[float, float, float, float], scale: Scale, label: str) -> None:
    """A horizontal colour bar of whole numbers.

    Parameters
    ----------
    figure : on which it is drawn.
    place : left, bottom, width, height, as shares of the figure.
    scale : its ends and colours.
    label : its title.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    axes = figure.add_axes(place)
    colours = ScalarMappable(Normalize(scale.low, scale.high), scale.colours)
    bar = figure.colorbar(colours, cax=axes, orientation="horizontal")
    bar.set_ticks([scale.low, scale.high], labels=[f"{scale.low:g}", f"{scale.high:g}"])
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=8)
    bar.ax.set_title(label, fontsize=8, fontweight="normal", loc="center", pad=3)


def broken(name: str, width: int) -> str:
    """`sharedSpeechLanguage` on lines of about `width` letters, broken before capitals alone.

    Parameters
    ----------
    name : a label in camel case.
    width : letters a line, about.
    """
    lines = [""]
    for word in re.findall(r"[A-Z]?[^A-Z]+|[A-Z]", name):
        if lines[-1] and len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] += word
    return "\n".join(lines)
