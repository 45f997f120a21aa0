"""Bad spans of single channels: which cost their channel, and which cost their samples in all channels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bids_app.dataset.signals.bad_spans import BadSpan

MOST_OF_A_CHANNEL = 0.05  # more of a recording bad in a channel costs the channel
MOST_OF_ALL = 0.1  # more of a recording lost to channels' own bad spans costs the worst of them

Stretch = tuple[float, float]


@dataclass(frozen=True)
class SharedSpans:
    """(start, length) in seconds of what is bad in all channels that are left; channels left out, with the share of
    the recording that is bad in them."""

    spans_s: tuple[Stretch, ...]
    left_out: dict[str, float]


def share_spans(spans: Sequence[BadSpan], channels: Sequence[str], recording_s: float) -> SharedSpans:
    """A fit needs the same samples of all channels. So a stretch that is bad in one channel is not used in any,
    unless the channel is left out: where more than 5 % of the recording is bad in it, or where the channels' own
    stretches cost more than 10 % together, the worst ones until they do not.

    Parameters
    ----------
    spans : of all channels, or of some.
    channels : those that are good so far.
    recording_s : the recording's length in seconds.
    """
    of_all = [(span.start_s, span.duration_s) for span in spans if not span.channels]
    own = {
        name: [(span.start_s, span.duration_s) for span in spans if name in span.channels] for name in channels
    }  # fmt: skip
    share = {name: length_s(stretches) / recording_s for name, stretches in own.items() if stretches}
    left_out = {name: part for name, part in share.items() if part > MOST_OF_A_CHANNEL}
    kept = sorted((name for name in share if name not in left_out), key=lambda name: (share[name], name))
    while kept and length_s(stretch for name in kept for stretch in own[name]) > MOST_OF_ALL * recording_s:
        worst = kept.pop()
        left_out[worst] = share[worst]
    of_kept = [stretch for name in kept for stretch in own[name]]
    return SharedSpans((*of_all, *of_kept), left_out)


def length_s(stretches: Iterable[Stretch]) -> float:
    """Seconds that stretches (start, length) cover together."""
    total, until = 0.0, float("-inf")
    for start_s, duration_s in sorted(stretches):
        stop_s = start_s + duration_s
        total += max(0.0, stop_s - max(start_s, until))
        until = max(until, stop_s)
    return total
