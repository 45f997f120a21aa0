"""The clock of a transcript: whether it counts seconds from the sound's first sample, as the sound's length tells.

What is told by the file alone is put right, and said: times in milliseconds, and those of a stretch of a longer
sound, as Praat keeps them (xmin). A clock that runs at another speed is told, and corrected only where asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.dataset.files.intervals import Annotation
from bids_app.dataset.transcripts.word_files import read_annotation
from bids_app.errors import DataError
from bids_app.inputs.opening import naming
from bids_app.records import Intervals

AT_ODDS = 3.0  # times the sound's length: no clock runs that fast, the unit is another one
WORD_MS = (30.0, 1500.0)  # the median word's length, where times are milliseconds
SLOWEST_WORD_S = 5.0  # a median word that is longer is not in seconds
MOST_WORDS_A_SECOND = 15.0  # nobody speaks so fast: the unit is a longer one than seconds
ENOUGH_WORDS = 30
NEAR_S = 0.25  # an eighth of a usual TR
SAME_S = 1e-3
SPEED = 0.05  # clocks differ by less
LEAST_DRIFT_S = 0.1
UNIT_ADVICE = "write seconds from the beginning of the sound, or say `unit: ms` in a recipe (--stimuli)"


@dataclass(frozen=True)
class WordClock:
    """What the clock of a transcript is judged by.

    Parameters
    ----------
    file_s : length of the sound in seconds, None where it is not there.
    stretch : whether times are stretched to the sound's length, where the transcript says its own.
    """

    file_s: float | None
    stretch: bool = False

    def of(self, path: Path, stem: str) -> Annotation:
        """What a file times, judged.

        Parameters
        ----------
        path : of the file.
        stem : of the sound it is of.

        Raises
        ------
        DataError : it cannot be understood, or its clock cannot; with the path.
        """
        with naming(path):
            return self.judged(read_annotation(path, stem))

    def judged(self, found: Annotation) -> Annotation:
        """Words and phones in seconds from the first sample of the sound, and notes on what was done.

        Raises
        ------
        DataError : their unit or beginning is unknown; or they shall be stretched, and no clock is that far off.
        """
        return self._speed(self._beginning(self._unit(found)))

    # ------------------------------------------------------------------------------------------------ unit
    def _unit(self, found: Annotation) -> Annotation:
        """In seconds; milliseconds become seconds where sound and words agree that they are."""
        table = found.words if found.words is not None and found.words.text else found.phones
        if table is None or not table.text:
            return found
        end, median = found.end_s or 0.0, float(np.median(table.duration_s))
        ratio = end / self.file_s if self.file_s else None
        milliseconds = ratio is not None and 1000 / AT_ODDS < ratio < 1050 and WORD_MS[0] < median < WORD_MS[1]
        if milliseconds:
            told = f"times are milliseconds: the last is {end:.0f}, and the sound lasts {self.file_s:.1f} s"
            return _moved(found, lambda times: times / 1000, told)
        if ratio is not None and ratio > AT_ODDS:
            what = (
                f"times end at {end:.6g}, {ratio:.3g} times the {self.file_s:.6g} s of the sound: they are no seconds"
            )
            raise DataError(what, "", UNIT_ADVICE)
        if found.words is not None and median > SLOWEST_WORD_S:
            raise DataError(f"the median word lasts {median:.6g}: times are no seconds", "", UNIT_ADVICE)
        first = float(table.onset_s.min())
        if len(table.text) >= ENOUGH_WORDS and found.words is not None:
            rate = len(table.text) / max(end - first, 1e-9)
            if rate > MOST_WORDS_A_SECOND:
                what = f"{len(table.text)} words within {end - first:.3g}: times are no seconds"
                raise DataError(what, "", UNIT_ADVICE)
        return found

    # ------------------------------------------------------------------------------------------------ beginning
    def _beginning(self, found: Annotation) -> Annotation:
        """From the sound's first sample; a Praat file that begins elsewhere may be of a stretch of a longer sound."""
        if found.extent_s is None or abs(found.extent_s[0]) < SAME_S:
            return found
        first_s, last_s = found.extent_s
        told = f"the TextGrid runs from {first_s:.6g} to {last_s:.6g} s"
        if self.file_s is None:
            if abs(first_s) < NEAR_S:
                return found
            what = f"{told}, and without the sound nothing says whether it counts from its beginning"
            raise DataError(what, "", "get the sound (datalad get), or say shift_s in a recipe (--stimuli)")
        sound, near_s = f"the sound lasts {self.file_s:.6g} s", max(NEAR_S, abs(first_s) / 10)
        off_part_s, off_whole_s = abs(last_s - first_s - self.file_s), abs(last_s - self.file_s)
        if off_part_s < off_whole_s and off_part_s <= near_s:
            return _moved(found, lambda times: times - first_s, f"{told}, {sound}: {first_s:.6g} s were subtracted")
        if last_s <= self.file_s + near_s and (first_s > 0 or off_whole_s <= near_s):
            return found.told(f"{told}, {sound}: times are taken to count from its beginning")
        what = f"{told}, {sound}: neither do times count from its beginning, nor from the TextGrid's"
        raise DataError(what, "", "save the TextGrid of this sound, or say shift_s in a recipe (--stimuli)")

    # ------------------------------------------------------------------------------------------------ speed
    def _speed(self, found: Annotation) -> Annotation:
        """A transcript that lasts longer or shorter than the sound is told of, or stretched to it."""
        if found.extent_s is None or self.file_s is None:
            return found
        lasts_s = found.extent_s[1]
        says_its_length = lasts_s > self.file_s or lasts_s - (found.end_s or 0.0) > LEAST_DRIFT_S
        ratio = self.file_s / lasts_s if lasts_s > 0 else 0.0
        if not says_its_length or abs(lasts_s - self.file_s) <= LEAST_DRIFT_S:
            return found
        told = f"the transcript's clock runs to {lasts_s:.6g} s, and the sound lasts {self.file_s:.6g} s"
        if abs(ratio - 1) > SPEED:
            if self.stretch:
                raise DataError(f"{told}: no clock is {abs(ratio - 1):.1%} off", "", "leave word_clock as_written")
            return found.told(f"{told}: it may be of another file")
        if self.stretch:
            return _moved(found, lambda times: times * ratio, f"{told}: times were multiplied by {ratio:.6f}")
        off_s = abs(lasts_s - self.file_s)
        advice = (
            f"if both are of one recording, `stimuli: {{word_clock: stretch_to_sound}}` corrects it ({ratio:.6f})"
        )
        return found.told(f"{told}: times may be {off_s:.3g} s off at the end; {advice}")


def _moved(found: Annotation, onto: Callable[[Any], Any], note: str) -> Annotation:
    """Times through a linear map, and a note."""

    def table(one: Intervals | None) -> Intervals | None:
        """Onsets and ends mapped."""
        if one is None:
            return None
        onset_s = np.asarray(onto(one.onset_s))
        return replace(one, onset_s=onset_s, duration_s=np.asarray(onto(one.offset_s)) - onset_s)

    extent_s = None if found.extent_s is None else (onto(found.extent_s[0]), onto(found.extent_s[1]))
    return found._replace(words=table(found.words), phones=table(found.phones), extent_s=extent_s).told(note)


NO_SOUND = WordClock(None)
