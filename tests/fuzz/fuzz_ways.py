"""Strategies: which ways a file of some name can be spoiled in, and with what."""

import fuzz_values as odd
from fuzz_headers import ARRAYS, NIFTI_FIELDS, WAV_FIELDS
from fuzz_spoil import LINKS, Spoiling
from hypothesis import strategies as st

_spots_of = st.lists(st.tuples(shares := odd.shares, st.integers(0, 255), st.booleans()), min_size=1, max_size=8)
_inner = st.booleans()
ANY = {
    "flip": st.tuples(_spots_of, _inner),
    "cut": st.tuples(shares, _inner),
    "splice": st.tuples(shares, shares, shares),
    "bomb": st.tuples(st.sampled_from([1, 64])),
    "replaced": st.tuples(odd.contents),
    "absent": st.tuples(),
    "as_folder": st.tuples(),
    "as_link": st.tuples(st.sampled_from(LINKS)),
    "as_pipe": st.tuples(),
}
NAMED = {"renamed": st.tuples(odd.names), "again": st.tuples(odd.names)}
TEXT = {
    "encoded": st.tuples(st.sampled_from(["utf-16", "bom", "crlf", "cr", "latin-1", "nul", "spaces", "commas"])),
    "token": st.tuples(shares, odd.cells),
}
TABLE = {
    "cell": st.tuples(odd.places, odd.places, odd.cells),
    "column": st.tuples(odd.places, odd.cells),
    "header": st.tuples(odd.places, odd.cells),
    "without_column": st.tuples(odd.places),
    "column_twice": st.tuples(odd.places, odd.places),
    "ragged": st.tuples(odd.places, st.integers(-2, 3)),
    "rows_kept": st.tuples(st.integers(0, 3)),
    "row_again": st.tuples(odd.places, st.sampled_from([1, 2, 500])),
    "backwards": st.tuples(),
}
JSON = {
    "key": st.tuples(odd.places, odd.json_texts),
    "added_key": st.tuples(
        st.sampled_from(
            [
                "RepetitionTime",
                "VolumeTiming",
                "StartTime",
                "SliceTiming",
                "DelayTime",
                "SamplingFrequency",
                "TaskName",
                "StimulusPresentation",
                "GeneratedBy",
                "Columns",
                "x",
            ]
        ),
        odd.json_texts,
    ),
}
_values = st.one_of(
    st.sampled_from([0, -1, 1, 2, 7, 8, 255, 32767, -32768, 2**31 - 1, 1e10, 0.5, 3.5]),
    st.floats(width=32),
    st.integers(-32768, 32767),
)
NIFTI = {"nifti_field": st.tuples(st.sampled_from(NIFTI_FIELDS), st.integers(0, 7), _values)}
WAV = {
    "wav_field": st.tuples(
        st.sampled_from(list(WAV_FIELDS)),
        st.one_of(st.sampled_from([0, 1, 2**32 - 1, 2**31, 8, 24, 65535]), st.integers(0, 2**32 - 1)),
    )
}
NPY = {"npy_array": st.tuples(st.sampled_from(ARRAYS))}
HDF5 = {
    "h5_array": st.tuples(st.integers(0, 5), st.sampled_from([*ARRAYS, "external", "group", "gone"])),
    "h5_attribute": st.tuples(
        st.sampled_from(["rate_hz", "RepetitionTime", "x"]), st.sampled_from([-1.0, 0.0, "x", "1e999"])
    ),
}
OWN = {  # by the end of a name: ways that only files of such a kind can be spoiled in
    (".tsv", ".csv"): TEXT | TABLE,
    (".tsv.gz",): TABLE | {"token": TEXT["token"]},
    (".json",): JSON | TEXT,
    (".TextGrid", ".ctm", ".yaml", ".yml", ".txt", ".vhdr", ".vmrk", ".gii", ".html", ".svg"): TEXT,
    (".nii", ".nii.gz"): NIFTI,
    (".wav",): WAV,
    (".npy",): NPY,
    (".h5", ".nwb"): HDF5,
    (".edf", ".bdf"): {"token": TEXT["token"]},
}


def ways_of(name, rename=True):
    """Strategies of ways to spoil a file by the end of its name: as often in its own ways as in any file's."""
    own = {how: one for ends, ways in OWN.items() if name.endswith(ends) for how, one in ways.items()}
    common = ANY | (NAMED if rename else {})

    def of(ways):
        return st.sampled_from(sorted(ways)).flatmap(lambda how: ways[how].map(lambda details: (how, details)))

    return st.one_of(of(own), of(own), of(common)) if own else of(common)


def spoilings_of(names, rename=True, most=3):
    """Lists of one to `most` spoilings of files of these names."""
    one = st.sampled_from(sorted(names)).flatmap(
        lambda name: ways_of(name, rename).map(lambda way: Spoiling(name, way[0], tuple(way[1])))
    )
    return st.lists(one, min_size=1, max_size=most)
