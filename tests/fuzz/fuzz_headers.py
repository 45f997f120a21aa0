"""Headers that lie: fields of NIfTI and WAV, and arrays that are none of what is wanted."""

import gzip
import io
import struct
from contextlib import suppress

import numpy as np


def edit(path, change):
    """Through the bytes, of a compressed file those within it."""
    raw = path.read_bytes()
    if path.name.endswith(".gz"):
        with suppress(OSError, EOFError, ValueError):
            path.write_bytes(gzip.compress(change(gzip.decompress(raw)), 1))
        return
    path.write_bytes(change(raw))


def put(raw, at, new):
    """Bytes with others in the place of some."""
    return raw[:at] + new + raw[at + len(new) :]


def nifti_field(path, name, at, value):
    from nibabel import Nifti1Header, Nifti2Header

    def change(raw):
        kind = Nifti2Header if raw[:4] == struct.pack("<i", 540) else Nifti1Header
        head = np.frombuffer(raw[: kind.template_dtype.itemsize], kind.template_dtype).copy()
        field = head[name]
        with np.errstate(all="ignore"), suppress(OverflowError, ValueError):
            if field.ndim == 1:
                field[0] = np.array(value).astype(field.dtype)
            else:
                field[0, at % field.shape[1]] = np.array(value).astype(field.dtype)
        return put(raw, 0, head.tobytes())

    edit(path, change)


NIFTI_FIELDS = (
    "dim",
    "datatype",
    "bitpix",
    "vox_offset",
    "scl_slope",
    "scl_inter",
    "pixdim",
    "xyzt_units",
    "magic",
    "sizeof_hdr",
    "qform_code",
    "sform_code",
    "srow_x",
    "srow_y",
    "srow_z",
    "quatern_b",
    "intent_code",
    "toffset",
    "slice_duration",
)
WAV_FIELDS = {
    "riff": ("<I", 4),
    "format": ("<H", 20),
    "channels": ("<H", 22),
    "rate": ("<I", 24),
    "bytes": ("<I", 28),
    "block": ("<H", 32),
    "bits": ("<H", 34),
    "length": ("<I", 40),
    "fmt": ("<I", 16),
}


def wav_field(path, name, value):
    code, at = WAV_FIELDS[name]
    edit(path, lambda raw: put(raw, at, struct.pack(code, value % 2 ** (8 * struct.calcsize(code)))))


def arrays(which):
    """Arrays that are none of what is wanted."""
    return {
        "scalar": lambda: np.float64(3),
        "none": lambda: np.zeros(0),
        "no columns": lambda: np.zeros((5, 0)),
        "words": lambda: np.array([b"a", b"b"]),
        "nan": lambda: np.full((70, 3), np.nan),
        "complex": lambda: np.ones((70, 3), complex),
        "deep": lambda: np.zeros((2, 2, 2, 2)),
        "bool": lambda: np.ones((70, 3), bool),
        "huge": lambda: np.full((70, 3), 1e300),
        "inf": lambda: np.full((70, 3), np.inf),
        "row": lambda: np.arange(70.0),
        "int": lambda: np.arange(210).reshape(70, 3),
        "times": lambda: np.arange(70.0)[::-1],
        "unsigned": lambda: np.arange(70, dtype=np.uint64),
        "half": lambda: np.ones((70, 3), np.float16),
        "date": lambda: np.array(["2020-01-01"], "M8[D]"),
        "record": lambda: np.zeros(5, [("a", "f4"), ("b", "i4")]),
    }[which]()


ARRAYS = (
    "scalar",
    "none",
    "no columns",
    "words",
    "nan",
    "complex",
    "deep",
    "bool",
    "huge",
    "inf",
    "row",
    "int",
    "times",
    "unsigned",
    "half",
    "date",
    "record",
)


def npy_array(path, which):
    buffer = io.BytesIO()
    np.save(buffer, arrays(which))
    path.write_bytes(buffer.getvalue())


def h5_array(path, at, which):
    import h5py

    with suppress(OSError, TypeError), h5py.File(path, "r+") as file:
        found = []
        file.visit(lambda name: found.append(name) if isinstance(file[name], h5py.Dataset) else None)
        name = found[at % len(found)]
        del file[name]
        if which == "external":
            file[name] = h5py.ExternalLink("/etc/passwd", "/x")
        elif which == "group":
            file.create_group(name)
        elif which != "gone":
            file[name] = arrays(which)


def h5_attribute(path, name, value):
    import h5py

    with suppress(OSError, TypeError, ValueError), h5py.File(path, "r+") as file:
        file.attrs[name] = value
