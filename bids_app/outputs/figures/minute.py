"""The alignment of one recording as a picture: what was heard, what features say of it, and one response."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from bids_app.outputs.figures.canvas import GRID, GROUP_COLOURS, INK, MUTED, SHARED, new_figure, styled, svg_bytes
from bids_app.records import Array, Course, Minute, Span

WIDTH, LEFT, RIGHT, ROW, FOOT = 9.0, 1.15, 0.95, 0.42, 0.42  # inches
WORDS = 0.62  # inches: of the row of words, whose letters stand upright
LETTERS = 0.105  # inches from one written word to the next
COLOURS = {"envelope": SHARED, "feature": GROUP_COLOURS[0], "response": GROUP_COLOURS[1]}


def minute_chart(minute: Minute, unit: str) -> bytes:
    """SVG: a row a playing, for words, the envelope, each feature and the response, over one clock.

    Parameters
    ----------
    minute : what lies in it. Every course is drawn in its own range, which stands at the right.
    unit : of the response; empty where it has none.
    """
    playings, words = ([one for one in minute.spans if one.kind == kind] for kind in ("playing", "word"))
    heights = [
        0.26,
        *([WORDS] if words else []),
        *(ROW * (1.5 if one.kind == "response" else 1) for one in minute.courses),
    ]
    whole = sum(heights) + FOOT + 0.08
    with _letters_of_any_script():
        figure = new_figure(WIDTH, whole)
        place = (LEFT / WIDTH, FOOT / whole, 1 - (LEFT + RIGHT) / WIDTH, sum(heights) / whole)
        axes = figure.add_axes(place)
        tops = np.cumsum([0.0, *heights])
        labels = ["stimulus"]
        _playings(axes, minute, playings, tops[0], heights[0])
        row = 1
        if words:
            _words(axes, minute, words, tops[1], heights[1])
            labels.append("words")
            row = 2
        for course in minute.courses:
            _course(axes, minute, course, tops[row] + 0.06, heights[row] - 0.1)
            _range(axes, minute, course, tops[row] + heights[row] / 2, unit)
            labels.append(
                _clipped(course.name) if course.kind != "response" else f"response\n{_clipped(course.name)}"
            )
            row += 1
        axes.set_xlim(minute.from_s, minute.to_s)
        axes.set_ylim(tops[-1], 0)
        axes.set_yticks(tops[:-1] + np.asarray(heights) / 2, labels, fontsize=8)
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.hlines(tops[1:-1], minute.from_s, minute.to_s, color=GRID, linewidth=0.6)
        axes.set_xlabel("Time on the recording's clock (s)")
        axes.spines["left"].set_visible(False)
        return svg_bytes(figure)


@contextmanager
def _letters_of_any_script() -> Iterator[None]:
    """Words stay text, which whoever opens the page has letters for; matplotlib's own font lacks most scripts."""
    import matplotlib

    with styled(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*[Gg]lyph")
        matplotlib.rcParams.update({"svg.fonttype": "none", "font.family": ["DejaVu Sans", "sans-serif"]})
        yield


def _playings(axes: Any, minute: Minute, playings: list[Span], top: float, height: float) -> None:
    for one in playings:
        begin_s, end_s = max(one.onset_s, minute.from_s), min(one.onset_s + one.duration_s, minute.to_s)
        axes.barh(top + height / 2, end_s - begin_s, height * 0.62, begin_s, color="#cfe3f1", edgecolor=MUTED, lw=0.5)
        axes.text(begin_s + 0.3, top + height / 2, _clipped(one.name), va="center", fontsize=7, clip_on=True)


def _words(axes: Any, minute: Minute, words: list[Span], top: float, height: float) -> None:
    """All onsets; of the words those for which there is room."""
    onsets_s = [one.onset_s for one in words]
    _sticks(axes, np.asarray(onsets_s), np.full(len(onsets_s), top + height - 0.09), top + height - 0.02, INK)
    apart_s = LETTERS * (minute.to_s - minute.from_s) / (WIDTH - LEFT - RIGHT)
    last_s = -np.inf
    for one in words:
        if one.onset_s - last_s >= apart_s:
            last_s = one.onset_s
            text = one.name if len(one.name) <= 11 else f"{one.name[:10]}…"
            axes.text(last_s, top + height - 0.12, text, rotation=90, ha="center", va="bottom", fontsize=5.5)


def _course(axes: Any, minute: Minute, course: Course, top: float, height: float) -> None:
    """From its lowest value (of the envelope from 0) to its highest."""
    if not len(course.values):
        return
    low, high = _ends(course)
    y = top + height * (1 - (course.values - low) / ((high - low) or 1.0))
    colour = COLOURS[course.kind]
    if course.is_events:
        _sticks(axes, course.times_s, y, top + height * (1 - (0 - low) / ((high - low) or 1.0)), colour)
    elif course.kind == "envelope":
        axes.fill_between(course.times_s, y, top + height, color=colour, linewidth=0)
    else:
        axes.plot(course.times_s, y, color=colour, linewidth=1.0, marker="o" if len(y) < 90 else "", markersize=2.2)


def _sticks(axes: Any, times_s: Array, ends: Array, base: float, colour: str) -> None:
    """Upright lines from a base to (n,) ends, drawn as one: hundreds of lines would make a large file."""
    gaps = np.full(len(times_s), np.nan)
    x, y = np.column_stack([times_s, times_s, gaps]), np.column_stack([np.full(len(ends), base), ends, gaps])
    axes.plot(x.ravel(), y.ravel(), color=colour, linewidth=0.7, solid_capstyle="butt")


def _range(axes: Any, minute: Minute, course: Course, middle: float, unit: str) -> None:
    """Beside a course its lowest and its highest value."""
    low, high = _ends(course)
    words = f"{low:.2g} to {high:.2g}{f' {unit}' if unit and course.kind == 'response' else ''}".replace("-", "−")
    axes.text(minute.to_s + 0.6, middle, words, va="center", fontsize=6.5, color=MUTED)


def _ends(course: Course) -> tuple[float, float]:
    """Of the envelope and of events from 0."""
    low, high = float(course.values.min(initial=np.inf)), float(course.values.max(initial=-np.inf))
    return (min(low, 0.0), max(high, 0.0)) if course.kind == "envelope" or course.is_events else (low, high)


def _clipped(name: str) -> str:
    return name if len(name) <= 18 else f"{name[:17]}…"
