"""Every parser, the samples that it reads, and how it is called: it may raise nothing but an expected error."""

import shutil
from typing import NamedTuple

import numpy as np
from fuzz_samples import KEY, TREES
from fuzz_spoil import Spoiling, files_of, spoil
from fuzz_studies import LIMIT_S, TooLong, limits
from fuzz_ways import ways_of
from hypothesis import strategies as st

from bids_app.dataset import find_recordings, load_response, load_stimulus, load_targets
from bids_app.dataset.alignment import align as alignment
from bids_app.dataset.alignment import evidence
from bids_app.dataset.atlases import annot
from bids_app.dataset.atlases import names as atlas_names
from bids_app.dataset.atlases import read as atlases
from bids_app.dataset.confounds import tables as confound_tables
from bids_app.dataset.discovery import clock, roots
from bids_app.dataset.files import layout, tables, written
from bids_app.dataset.responses import cifti, dropped, gifti, hdf5, parcels, surfaces, volumes
from bids_app.dataset.responses.load import count_samples, count_targets
from bids_app.dataset.signals import bad_spans, brainvision, edf, nwb, recording
from bids_app.dataset.signals import open as opening_signals
from bids_app.dataset.stimuli import beside, by_name, events, lengths, sound
from bids_app.dataset.transcripts import json_words, word_files
from bids_app.errors import ConcordError, DataError
from bids_app.features import precomputed, store
from bids_app.features.lexical import vectors
from bids_app.inputs import claims, homes, model_files, nifti, npy, opening
from bids_app.inputs import hdf5 as inputs_hdf5
from bids_app.outputs.derivatives.saved import models as saved_models
from bids_app.outputs.derivatives.saved import series
from bids_app.outputs.files import arrays, files, images
from bids_app.outputs.files import cifti as written_cifti
from bids_app.records import FeatureSpec, ModelSource, RecordingQuery, ResponseSpec, Stimulus, Targets
from bids_app.settings import load, recipe_files, several_models

EXPECTED = (ConcordError, OSError)  # what the boundary takes for no bug; of memory it is a find
NO_MODELS = ModelSource(None, offline=True)


class Parser(NamedTuple):
    """samples : names of files of `files`, or of data sets; call : with the path of what was spoiled."""

    samples: tuple[str, ...]
    call: object


TRANSCRIPTS = (
    "story.TextGrid",
    "story.ctm",
    "gentle.json",
    "whisper.json",
    "chunks.json",
    "mfa.json",
    "words.tsv",
    "words.csv",
    "headless.tsv",
    "phones.tsv",
    "utterances.tsv",
    "story_annot-words_events.tsv",
)
TABLES = ("events.tsv", "words.tsv", "words.csv", "channels.tsv", "confounds.tsv", "headless.tsv")
NAMES_OF_LABELS, LABELS = (
    ("labels.tsv", "labels.xml", "spm.xml", "lut.txt", "workbench.txt"),
    ("labels.nii", "own.dlabel.nii", "own_hemi-L.label.gii"),
)
NIFTI = ("volume", "dtseries", "ptseries")


def tree(call, *formats):
    """Of a data set: the call has its root."""
    return Parser(formats or tuple(TREES), call)


def first(root, pattern):
    """The first file of a data set that is so called; one that is not there, where it was taken away."""
    return next(iter(sorted(root.rglob(pattern))), root / "absent")


def of_file(call, pattern, *formats):
    return Parser(formats, lambda root: call(first(root, pattern)))


def series_of_parcels(path):
    """Time courses of three parcels, as outputs reads them back."""
    return series.read_series([path], Targets("parcels", "atlas", ("a", "b", "c")))


def atlas_of(path):
    """An atlas whose table, and other hemisphere, lie beside it, whatever has become of the file."""
    path.with_name("labels.tsv").write_text("index\tname\n1\tone\n2\ttwo\n")
    for left, right in (("hemi-L", "hemi-R"), ("lh.", "rh.")):
        if left in path.name and path.is_file():
            shutil.copy(path, path.with_name(path.name.replace(left, right)))
    return atlases.read_atlas(path)


def mask_of(path):
    if "hemi-L" in path.name and path.is_file():
        shutil.copy(path, path.with_name(path.name.replace("hemi-L", "hemi-R")))
    return atlases.read_mask(path, "lang", "01")


def recordings_of(root):
    return find_recordings(RecordingQuery(root, root.parent / "out")).recordings


def whole_recording(root):
    """All that is read of a data set: found, aligned, loaded; each step by itself, as in the program."""
    found = find_recordings(RecordingQuery(root, root.parent / "out"))
    said = [*(one.reason for one in found.excluded), *found.warnings]
    assert not [line for line in said if "a bug of Concord" in line], said
    with homes.named((root,)):
        for one in found.recordings:
            heard = [(event, _stimulus_of(one, event, root)) for event in one.stimuli]
            heard = [(event, stimulus) for event, stimulus in heard if stimulus is not None]
            for step in (
                lambda one=one, heard=heard: alignment.align(one, heard),
                lambda one=one: count_samples(one),
                lambda one=one: count_targets(one),
                lambda one=one: load_response(one, load_targets(one), ResponseSpec(confounds="motion24+csf")),
                lambda one=one: load_response(one, load_targets(one), ResponseSpec(rate_hz=50.0, confounds="none")),
            ):
                _expected(step)


def _stimulus_of(one, event, root):
    return _expected(lambda: load_stimulus(one, event, root, None, True))


def _expected(step):
    try:
        return step()
    except EXPECTED:
        return None


def stimulus(path):
    return Stimulus("story.wav", "story", path.parent / "story.wav", None, None, 7.0, None, None, "0" * 64)


def precomputed_file(path):
    name = "story_stim.tsv.gz" if path.name.startswith("story_stim") else path.name
    options = {"path": name, "rate_hz": 10.0 if path.suffix == ".npy" else None}
    return precomputed.extract(stimulus(path), FeatureSpec("x", "file", options), NO_MODELS)


def with_header(path):
    return edf.record_starts(path, edf.read_header(path))


def opened(context):
    def call(path):
        with context(path) as file:
            return file.read() if hasattr(file, "read") else list(file)

    return call


def own_values(path):
    with inputs_hdf5.open_hdf5(path) as file:
        array = inputs_hdf5.own_array(file, "values", path)
        inputs_hdf5.require_held(array, path)


def written_json(text):
    """Its texts can be written, or it is no JSON."""
    try:
        content = written.json_of(text)
    except (ValueError, RecursionError) as error:
        raise DataError("no JSON") from error
    return repr(content).encode()


def text_of(path):
    """A text as the program has it, once its file could be decoded."""
    return tables.decode(path)


PARSERS = {
    "dataset:whole recordings": tree(whole_recording),
    "dataset/alignment/evidence.py:read_event_times": Parser(("events.tsv", "words.tsv"), evidence.read_event_times),
    "dataset/alignment/evidence.py:header_interval": of_file(
        lambda path: evidence.header_interval(path, "x"), "*.*ni*", *NIFTI
    ),
    "dataset/confounds/tables.py:read_confounds": Parser(
        ("confounds.tsv", "confounds.csv"), confound_tables.read_confounds
    ),
    "dataset/confounds/tables.py:count_rows": Parser(("confounds.tsv", "confounds.csv"), confound_tables.count_rows),
    "dataset/confounds/tables.py:column_names": Parser(
        ("confounds.tsv", "confounds.csv", "words.tsv"), confound_tables.column_names
    ),
    "dataset/discovery/clock.py:header_interval": of_file(clock.header_interval, "*_bold.nii*", "volume"),
    "dataset/discovery/roots.py:require_description": tree(roots.require_description, "volume"),
    "dataset/files/layout.py:build_index": tree(lambda root: layout.build_index(root, "x", ("01",)), "volume", "fif"),
    "dataset/files/layout.py:read_json": Parser(("sidecar.json", "gentle.json", "story_stim.json"), layout.read_json),
    "dataset/atlases/annot.py:read_annot": Parser(("lh.own.annot",), annot.read_annot),
    "dataset/atlases/names.py:names_within": Parser(("named.nii",), atlas_names.names_within),
    "dataset/atlases/names.py:read_names": Parser(NAMES_OF_LABELS, atlas_names.read_names),
    "dataset/atlases/read.py:read_atlas": Parser((*LABELS, "lh.own.annot"), atlas_of),
    "dataset/atlases/read.py:read_mask": Parser(LABELS, mask_of),
    "dataset/files/tables.py:decode": Parser(TABLES, tables.decode),
    "dataset/files/tables.py:read_table": Parser(
        TABLES, lambda path: [tables.read_table(path), tables.read_table(path, True)]
    ),
    "dataset/files/tables.py:parse_table": Parser(
        TABLES, lambda path: tables.annotation_of(tables.parse_table(text_of(path)))
    ),
    "dataset/responses/cifti.py:series_clock": of_file(cifti.series_clock, "*.nii", "dtseries", "ptseries"),
    "dataset/responses/cifti.py:header_period_s": of_file(cifti.header_period_s, "*.nii", "dtseries", "ptseries"),
    "dataset/responses/cifti.py:count_samples": of_file(cifti.count_samples, "*.nii", "dtseries", "ptseries"),
    "dataset/responses/dropped.py:raw_length": of_file(dropped.raw_length, "*_bold.nii*", "volume"),
    "dataset/responses/dropped.py:table_length": Parser(("confounds.tsv",), dropped.table_length),
    "dataset/responses/gifti.py:array_shapes": of_file(gifti.array_shapes, "*.gii", "surface"),
    "dataset/responses/gifti.py:read_labels": Parser(LABELS[-1:], gifti.read_labels),
    "dataset/responses/gifti.py:read_arrays": of_file(gifti.read_arrays, "*.gii", "surface"),
    "dataset/responses/hdf5.py:describe_array": Parser(("data.h5", "x.h5"), hdf5.describe_array),
    "dataset/responses/hdf5.py:count_rows": Parser(("data.h5", "x.h5"), hdf5.count_rows),
    "dataset/responses/hdf5.py:mask_voxels": of_file(hdf5.mask_voxels, "*_mask.nii*", "volume"),
    "dataset/responses/parcels.py:read_numbers": Parser(("parcels.tsv", "confounds.tsv"), parcels.read_numbers),
    "dataset/responses/surfaces.py:read_hemisphere": of_file(surfaces.read_hemisphere, "*.gii", "surface"),
    "dataset/responses/surfaces.py:stored_shape": of_file(surfaces.stored_shape, "*.gii", "surface"),
    "dataset/responses/surfaces.py:header_period_s": of_file(surfaces.header_period_s, "*.gii", "surface"),
    "dataset/responses/volumes.py:open_volume": of_file(volumes.open_volume, "*_bold.nii*", "volume"),
    "dataset/responses/volumes.py:is_on_grid": tree(
        lambda root: volumes.is_on_grid(first(root, "*_mask.nii*"), first(root, "*_bold.nii*")), "volume"
    ),
    "dataset/responses/volumes.py:count_volumes": of_file(volumes.count_volumes, "*_bold.nii*", "volume"),
    "dataset/responses/volumes.py:header_period_s": of_file(volumes.header_period_s, "*_bold.nii*", "volume"),
    "dataset/signals/bad_spans.py:event_spans": Parser(("events.tsv", "words.tsv"), bad_spans.event_spans),
    "dataset/signals/brainvision.py:new_segments": of_file(brainvision.new_segments, "*.vhdr", "brainvision"),
    "dataset/signals/brainvision.py:require_own_files": of_file(
        brainvision.require_own_files, "*.vhdr", "brainvision"
    ),
    "dataset/signals/brainvision.py:channel_labels": of_file(brainvision.channel_labels, "*.vhdr", "brainvision"),
    "dataset/signals/edf.py:read_header": Parser(("x.edf",), edf.read_header),
    "dataset/signals/edf.py:record_starts": Parser(("x.edf",), with_header),
    "dataset/signals/nwb.py:open_nwb": of_file(lambda path: nwb.open_nwb(path, ()), "*.nwb", "nwb"),
    "dataset/signals/open.py:open_signals": of_file(
        opening_signals.open_signals, "*_ieeg.[fvne]*[fbr]", "fif", "brainvision", "edf", "nwb"
    ),
    "dataset/signals/recording.py:channels_of": Parser(
        ("channels.tsv",), lambda path: recording.good_channels(recording.channels_of(path))
    ),
    "dataset/stimuli/beside.py:find_annotation": tree(
        lambda root: beside.find_annotation(root, "story.wav", None), "volume"
    ),
    "dataset/stimuli/by_name.py:sounds_of": tree(by_name.sounds_of, "volume"),
    "dataset/stimuli/events.py:read_events": tree(
        lambda root: events.read_events(first(root, "*_events.tsv"), root, lambda name: 30.0), "volume", "fif"
    ),
    "dataset/stimuli/lengths.py:length_reader": tree(
        lambda root: lengths.length_reader(root, None)("story.wav"), "volume"
    ),
    "dataset/stimuli/sound.py:sound_length_s": Parser(("sound.wav", "stereo.flac"), sound.sound_length_s),
    "dataset/stimuli/sound.py:read_excerpts": Parser(
        ("sound.wav", "stereo.flac"), lambda path: sound.read_excerpts(path, (0.0, 1.0), 0.5)
    ),
    "dataset/stimuli/sound.py:read_audio": Parser(
        ("sound.wav", "stereo.flac"), lambda path: [sound.read_audio(path), sound.read_audio(path, 1)]
    ),
    "dataset/transcripts/word_files.py:read_annotation": Parser(TRANSCRIPTS, word_files.read_annotation),
    "dataset/transcripts/word_files.py:from_textgrid": Parser(
        ("story.TextGrid",), lambda path: word_files.from_textgrid(text_of(path))
    ),
    "dataset/transcripts/word_files.py:textgrid_extent": Parser(
        ("story.TextGrid",), lambda path: word_files.textgrid_extent(text_of(path))
    ),
    "dataset/transcripts/word_files.py:parse_textgrid": Parser(
        ("story.TextGrid",), lambda path: word_files.parse_textgrid(text_of(path))
    ),
    "dataset/transcripts/word_files.py:from_ctm": Parser(
        ("story.ctm",), lambda path: word_files.from_ctm(text_of(path))
    ),
    "dataset/files/written.py:json_of": Parser(
        ("sidecar.json", "mfa.json"), lambda path: written_json(text_of(path))
    ),
    "dataset/transcripts/json_words.py:from_json": Parser(
        ("gentle.json", "whisper.json", "chunks.json", "mfa.json"), lambda path: json_words.from_json(text_of(path))
    ),
    "inputs/claims.py:gunzip": Parser(("story_stim.tsv.gz",), lambda path: claims.gunzip(path, opening.TABLE)),
    "inputs/hdf5.py:open_hdf5": Parser(("x.h5",), own_values),
    "inputs/hdf5.py:is_hdf5": Parser(("x.h5", "x.npy"), inputs_hdf5.is_hdf5),
    "inputs/hdf5.py:require_own_content": Parser(("x.h5", "data.h5"), inputs_hdf5.require_own_content),
    "inputs/nifti.py:open_nifti": of_file(nifti.open_nifti, "*.*ni*", *NIFTI),
    "inputs/nifti.py:require_whole": of_file(nifti.require_whole, "*.*ni*", *NIFTI),
    "inputs/nifti.py:require_unpacked": of_file(nifti.require_unpacked, "*.*ni*", *NIFTI),
    "inputs/model_files.py:read_bytes_of_model": Parser(("sidecar.json",), model_files.read_bytes_of_model),
    "inputs/model_files.py:read_settings": Parser(("sidecar.json",), model_files.read_settings),
    "inputs/model_files.py:read_headers": Parser(("x.safetensors",), model_files.read_headers),
    "inputs/npy.py:npy_header": Parser(("x.npy",), lambda path: npy.npy_header(path, opening.MASK)),
    "inputs/npy.py:read_npy": Parser(("x.npy",), lambda path: npy.read_npy(path, opening.MASK)),
    "inputs/opening.py:check_input": Parser(("x.npy",), opening.check_input),
    "inputs/opening.py:check_regular": Parser(("x.npy",), lambda path: opening.check_regular(path, opening.TABLE)),
    "inputs/opening.py:open_regular": Parser(
        ("x.npy",), opened(lambda path: opening.open_regular(path, opening.TABLE))
    ),
    "inputs/opening.py:open_input": Parser(("x.npy",), opened(opening.open_input)),
    "inputs/opening.py:read_bytes": Parser(("x.npy",), lambda path: opening.read_bytes(path, opening.TABLE)),
    "inputs/opening.py:read_named": Parser(("analysis.yaml",), opening.read_named),
    "settings/load.py:load_analysis": Parser(("analysis.yaml",), lambda path: load.load_analysis(str(path))),
    "settings/load.py:parse_analysis": Parser(
        ("analysis.yaml",), lambda path: load.parse_analysis(text_of(path), "x")
    ),
    "settings/load.py:read_yaml": Parser(
        ("analysis.yaml", "recipe.yaml"), lambda path: load.read_yaml(text_of(path), "x", "x")
    ),
    "settings/recipe_files.py:load_recipe": Parser(
        ("recipe.yaml", "onsets.tsv", "onsets.csv"),
        lambda path: recipe_files.load_recipe(
            str(path.with_name("recipe.yaml")), path if "onsets" in path.name else None
        ),
    ),
    "settings/recipe_files.py:read_rows": Parser(("onsets.tsv", "onsets.csv"), recipe_files.read_rows),
    "settings/several_models.py:chosen_models": Parser(
        ("analysis.yaml",), lambda path: several_models.chosen_models(str(path), None)
    ),
    "outputs/derivatives/saved/models.py:read_weights": Parser(("weights.h5",), saved_models.read_weights),
    "outputs/derivatives/saved/models.py:read_weight_sizes": Parser(("weights.h5",), saved_models.read_weight_sizes),
    "outputs/derivatives/saved/models.py:read_alphas": Parser(("alphas.h5",), saved_models.read_alphas),
    "outputs/derivatives/saved/models.py:read_blocks": Parser(("blocks.h5",), saved_models.read_blocks),
    "outputs/derivatives/saved/series.py:read_series": Parser(("story_stim.tsv.gz",), series_of_parcels),
    "outputs/files/arrays.py:read_arrays": Parser(("x.h5", "data.h5"), arrays.read_arrays),
    "outputs/files/cifti.py:read_cifti": of_file(written_cifti.read_cifti, "*.nii", "dtseries", "ptseries"),
    "outputs/files/files.py:read_json": Parser(("sidecar.json",), files.read_json),
    "outputs/files/files.py:read_tsv": Parser(("confounds.tsv", "events.tsv"), files.read_tsv),
    "outputs/files/files.py:sha256_of": Parser(("x.npy",), files.sha256_of),
    "outputs/files/images.py:read_volume": of_file(images.read_volume, "*_bold.nii*", "volume"),
    "outputs/files/images.py:read_surface": of_file(images.read_surface, "*.gii", "surface"),
    "features/precomputed.py:extract": Parser(
        ("x.npy", "x.h5", "story_stim.tsv.gz", "story_stim.json"), precomputed_file
    ),
    "features/store.py:read_features": Parser(
        ("stored.h5", "stored.json"), lambda path: store.read_features(path.with_suffix(".h5"), KEY)
    ),
    "features/lexical/vectors.py:read_vectors": Parser(
        ("vectors.txt", "vectors.txt.gz"), lambda path: vectors.read_vectors(path, ("the", "old"))
    ),
}


def drawn_for(name, samples):
    """(sample, spoilings) of a parser: of a file by itself, or of files of a data set."""
    parser = PARSERS[name]

    def of(sample):
        names = files_of(samples / sample) if sample in TREES else [sample]
        one = st.sampled_from(names).flatmap(
            lambda name: ways_of(name, sample in TREES).map(lambda way: Spoiling(name, *way))
        )
        return st.tuples(st.just(sample), st.lists(one, min_size=1, max_size=3))

    return st.sampled_from(parser.samples).flatmap(of)


def fault_of(name, drawn, samples, scratch):
    """What a parser raised of a spoiled sample that is no expected error; '' where all is well."""
    sample, spoilings = drawn
    folder = scratch / "parsed"
    shutil.rmtree(folder, ignore_errors=True)
    if sample in TREES:
        shutil.copytree(samples / sample, folder)
    else:
        folder.mkdir(parents=True)
        shutil.copy(samples / "files" / sample, folder)
        for beside_it in {
            "story_stim.tsv.gz": ["story_stim.json"],
            "story_stim.json": ["story_stim.tsv.gz"],
            "stored.h5": ["stored.json"],
            "stored.json": ["stored.h5"],
            "onsets.tsv": ["recipe.yaml"],
            "onsets.csv": ["recipe.yaml"],
        }.get(sample, ()):
            shutil.copy(samples / "files" / beside_it, folder)
    (scratch / "beside").mkdir(exist_ok=True)
    (scratch / "beside/secret.txt").write_text("secret")
    spoil(folder, spoilings)
    given = folder if sample in TREES else folder / sample
    try:
        with limits(), np.errstate(all="ignore"), homes.named((folder,)):
            PARSERS[name].call(given)
    except EXPECTED:
        return ""
    except TooLong:
        return f"more than {LIMIT_S} s"
    except BaseException as error:
        return f"{type(error).__name__}: {str(error)[:300]}"
    return ""
