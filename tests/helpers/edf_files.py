"""EDF and EDF+ files written by hand: channels of any rate, unit and name, records with pauses between them."""

import numpy as np


def _field(text, width):
    return str(text).ljust(width)[:width].encode("latin-1")


def _stamps(onset, notes):
    texts = [f"+{onset:g}\x14\x14\x00"] + [f"+{at:g}\x15{lasts:g}\x14{text}\x14\x00" for at, lasts, text in notes]
    return "".join(texts).encode()


def write_edf(path, channels, plus="", starts_s=None, notes=()):
    """`channels`: (label, unit, rate, values in that unit) each, in records of 1 s; `starts_s` of every record."""
    limits = [float(f"{max(np.abs(values).max(), 1e-3):.5g}") for *_, values in channels]
    n_records = round(len(channels[0][3]) / channels[0][2])
    labels = [label for label, *_ in channels] + ["EDF Annotations"] * bool(plus)
    sizes = [round(rate) for _, _, rate, _ in channels] + [80] * bool(plus)
    extra = bool(plus)
    head = _field("0", 8) + _field("X X X X", 80) + _field("Startdate 01-JAN-2020 X X X", 80)
    head += _field("01.01.20", 8) + _field("00.00.00", 8) + _field(256 * (len(labels) + 1), 8) + _field(plus, 44)
    head += _field(n_records, 8) + _field(1, 8) + _field(len(labels), 4)
    head += b"".join(_field(label, 16) for label in labels) + b" " * 80 * len(labels)
    head += b"".join(_field(unit, 8) for _, unit, *_ in channels) + _field("", 8) * extra
    head += b"".join(_field(f"{-limit:g}", 8) for limit in limits) + _field(-1, 8) * extra
    head += b"".join(_field(f"{limit:g}", 8) for limit in limits) + _field(1, 8) * extra
    head += _field(-32768, 8) * len(labels) + _field(32767, 8) * len(labels) + b" " * 80 * len(labels)
    head += b"".join(_field(size, 8) for size in sizes) + b" " * 32 * len(labels)
    body = b""
    for record in range(n_records):
        for (_, _, rate, values), limit in zip(channels, limits, strict=True):
            part = np.asarray(values)[record * round(rate) : (record + 1) * round(rate)]
            body += np.round((part + limit) / (2 * limit) * 65535 - 32768).clip(-32768, 32767).astype("<i2").tobytes()
        if plus:
            start = record if starts_s is None else starts_s[record]
            body += _stamps(start, notes if record == 0 else ()).ljust(160, b"\x00")
    path.write_bytes(head + body)
    return path
