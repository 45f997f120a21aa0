"""A dry run tells the truth: what the run would refuse it refuses, with its exit code and cause."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import tiny_ieeg
from quick_study import DERIVATIVES, make_quick_study, plain_brains, replace_text, response
from tiny_models import TEXT, save_language_model, save_masked_model, save_speech_model
from tiny_study import AFFINE, SHAPE

from bids_app.cli.concord import main

PEOPLE = ("01", "02")
LANGUAGE = "  language: {kind: language_model, model: tiny-gpt2, layer: 1, pca: 2}\n"
SPEECH = "  speech: {kind: speech_model, model: tiny-w2v, layer: 1, window_s: 1, stride_s: 1, pca: 2}\n"
MEL = "  mel: {kind: melspectrogram, n_mels: 4}\n"
OWN = "  own: {kind: file, path: '{stem}_own.npy', rate_hz: 1}\n"


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    """Two people, two runs each, words that models know, models, and a file of features of each story."""
    root = make_quick_study(tmp_path_factory.mktemp("dry"), PEOPLE)
    for table in (root / "bids/stimuli").glob("*.tsv"):
        head, *rows = table.read_text().splitlines()
        known = TEXT.split()
        spoken = [f"{known[k % len(known)]}\t" + row.partition("\t")[2] for k, row in enumerate(rows)]
        table.write_text("\n".join((head, *spoken)) + "\n")
        np.save(table.with_name(f"{table.stem}_own.npy"), np.random.default_rng(0).normal(size=(126, 2)))
    save_language_model(root / "models/tiny-gpt2")
    save_masked_model(root / "models/tiny-bert")
    save_speech_model(root / "models/tiny-w2v")
    return root


@pytest.fixture
def study(pristine, tmp_path):
    shutil.copytree(pristine, tmp_path / "study")
    return tmp_path / "study"


def concord(root, out, *more, levels=("participant",), bids="bids"):
    given = [root / bids, root / out, *levels, "--analysis", root / "quick.yaml", "--model-dir", root / "models"]
    with plain_brains():
        return main([*map(str, given), "--offline", *more])


@dataclass(frozen=True)
class Row:
    """A way to spoil a study.

    spoil : root → further arguments. code : of both. said : a pattern of the cause in both. levels : asked for.
    """

    name: str
    code: int
    said: str
    spoil: Callable[[Path], object]
    levels: tuple[str, ...] = ("participant",)


def with_feature(line, old="features:\n"):
    return lambda root: replace_text(root / "quick.yaml", old, f"{old}{line}")


def both(*spoils):
    def spoil(root):
        return [more for one in spoils for more in one(root) or ()]

    return spoil


def everywhere(change):
    """Of every recording of everybody."""

    def spoil(root):
        for person in PEOPLE:
            for run in (1, 2):
                change(root, person, run)

    return spoil


def of_one(change):
    return lambda root: change(root, "01", 1)


def gone(name):
    def spoil(root):
        for path in root.glob(name):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return spoil


def edited(name, **settings):
    def spoil(root):
        path = root / name
        path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))

    return spoil


def arguments(*more):
    return lambda root: more


def analysis(old, new):
    return lambda root: replace_text(root / "quick.yaml", old, new)


def another_analysis(root):
    concord(root, "dry")
    shutil.copytree(root / "dry", root / "real")
    replace_text(root / "quick.yaml", "[2, 4]", "[2, 4, 6]")


def short_response(root, person, run, n_times=9):
    path = response(root, person, run)
    image = nib.load(path)
    data = np.asarray(image.dataobj)[..., :n_times]
    nib.save(nib.Nifti1Image(data, AFFINE, image.header), path)
    short_confounds(root, person, run, n_times)


def short_confounds(root, person, run, n_times=39):
    stem = f"sub-{person}_task-story_run-{run}_desc-confounds_timeseries.tsv"
    path = root / DERIVATIVES / f"sub-{person}/func" / stem
    path.write_text("\n".join(path.read_text().splitlines()[: n_times + 1]) + "\n")


def cut_response(root, person, run):
    path = response(root, person, run)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 9 // 10])


def no_response(root, person, run):
    response(root, person, run).write_bytes(b"not a nifti")


def other_mask(root, person, run):
    path = response(root, person, run, "_desc-brain_mask.nii.gz")
    nib.save(nib.Nifti1Image(np.ones((3, 3, 3), np.uint8), AFFINE), path)


def empty_mask(root, person, run):
    path = response(root, person, run, "_desc-brain_mask.nii.gz")
    nib.save(nib.Nifti1Image(np.zeros(SHAPE, np.uint8), AFFINE), path)


def events(root, person, run):
    return root / f"bids/sub-{person}/func/sub-{person}_task-story_run-{run}_events.tsv"


def far_event(root, person, run):
    replace_text(events(root, person, run), "0.0\t125", "9000.0\t125")


def no_stimulus(root, person, run):
    replace_text(events(root, person, run), f"story{run}.wav", "nowhere.wav")


def one_run_only(root):
    for person in PEOPLE:
        for path in (root / DERIVATIVES / f"sub-{person}/func").glob("*run-2*"):
            path.unlink()


def own_features(values):
    def spoil(root):
        for run in (1, 2):
            path = root / f"bids/stimuli/story{run}_own.npy"
            path.unlink()
            if values is not None:
                np.save(path, values)

    return spoil


def mumbled(root):
    """Words that no dictionary has."""
    for table in (root / "bids/stimuli").glob("*.tsv"):
        head, *rows = table.read_text().splitlines()
        table.write_text("\n".join((head, *(f"zq{row}" for row in rows))) + "\n")


def constant(root, person, run):
    path = response(root, person, run)
    nib.save(nib.Nifti1Image(np.full((*SHAPE, 70), 7, np.float32), AFFINE), path)


NO_MODEL = r"the model 'tiny-gpt2' is not there"
ROWS = [
    Row("another analysis's OUT_DIR", 64, "another analysis", another_analysis),
    Row("a model that is not there", 66, NO_MODEL, both(with_feature(LANGUAGE), gone("models/tiny-gpt2"))),
    Row("a model without weights", 66, "no safetensors weights",
        both(with_feature(LANGUAGE), gone("models/tiny-gpt2/model.safetensors"))),
    Row("a model without configuration", 66, r"has no config\.json",
        both(with_feature(LANGUAGE), gone("models/tiny-gpt2/config.json"))),
    Row("no tokenizer", 66, "the tokenizer of the model 'tiny-gpt2' lacks",
        both(with_feature(LANGUAGE), gone("models/tiny-gpt2/tokenizer.json"))),
    Row("no feature extractor", 66, "has no preprocessor_config",
        both(with_feature(SPEECH), gone("models/tiny-w2v/preprocessor_config.json"))),
    Row("a layer that the model has not", 64, "no layer 7.*has layers 0 to 2",
        with_feature(LANGUAGE.replace("layer: 1", "layer: 7"))),
    Row("a layer that the speech model has not", 64, "no layer 7.*has layers 0 to 2 and cnn, projection",
        with_feature(SPEECH.replace("layer: 1", "layer: 7"))),
    Row("an architecture that nobody knows", 66, "cannot be loaded.*knows no architecture 'its-own'",
        both(with_feature(LANGUAGE), edited("models/tiny-gpt2/config.json", model_type="its-own"))),
    Row("a language model as a speech model", 66, "tiny-gpt2", with_feature(SPEECH.replace("tiny-w2v", "tiny-gpt2"))),
    Row("a speech model as a language model", 64, "is no language model",
        with_feature(LANGUAGE.replace("tiny-gpt2", "tiny-w2v"))),
    Row("surprisal by a masked model", 64, "needs a causal language model",
        with_feature("  surprise: {kind: surprisal, model: tiny-bert}\n")),
    Row("weights of another model", 66, "do not fit its config", both(
        with_feature(LANGUAGE), edited("models/tiny-gpt2/config.json", n_layer=3))),
    Row("no vectors", 66, "there are no word vectors 'absent.txt'",
        with_feature("  vectors: {kind: word_embedding, model: absent.txt}\n")),
    Row("too few samples for the folds", 1, r"\d+ samples are too few for 5 folds",
        both(one_run_only, lambda root: [short_response(root, person, 1) for person in PEOPLE] and ())),
    Row("too few samples for the outer folds asked for", 1, r"\d+ samples are too few for 90 folds",
        analysis("solver: ridge", "solver: ridge, outer: 90")),
    Row("too few samples for the inner folds", 1, r"\d+ samples are too few for 60 folds",
        analysis("solver: ridge", "solver: ridge, inner: 60")),
    Row("a run too short for its purge", 1, "leaves no training samples",
        both(one_run_only, analysis("[2, 4]", "[2, 400]"))),
    Row("no overlap, of all", 66, "", everywhere(far_event)),
    Row("no overlap, of one", 1, "", of_one(far_event)),
    Row("no stimulus, of all", 66, "nowhere", everywhere(no_stimulus)),
    Row("no stimulus, of one", 1, "nowhere", of_one(no_stimulus)),
    Row("no event", 66, "", everywhere(lambda *one: events(*one).write_text("onset\tduration\n0.0\t125\n"))),
    Row("a sound that cannot be decoded", 1, "story1", both(with_feature(MEL),
        lambda root: (root / "bids/stimuli/story1.wav").write_bytes(b"RIFF no sound") and ())),
    Row("a response that cannot be read, of one", 1, "", of_one(no_response)),
    Row("a response that cannot be read, of all", 66, "", everywhere(no_response)),
    Row("a response that is cut off, of one", 1, "run-1.*cannot be read whole", of_one(cut_response)),
    Row("a response that is cut off, of all", 1, "cannot be read whole", everywhere(cut_response)),
    Row("a mask of another shape, of one", 1, "the mask does not lie on the grid", of_one(other_mask)),
    Row("a mask of another shape, of all", 66, "the mask does not lie on the grid", everywhere(other_mask)),
    Row("an empty mask, of one", 1, "no voxel in the mask", of_one(empty_mask)),
    Row("an empty mask, of all", 1, "no voxel in the mask", everywhere(empty_mask)),
    Row("a confound that is not there", 66, "no_such", analysis("confounds: motion", "confounds: no_such")),
    Row("confounds of another run", 1, "confounds of 39 rows for 70 samples", of_one(short_confounds)),
    Row("own features that are missing", 66, "no file of features", both(with_feature(OWN), own_features(None))),
    Row("own features of one dimension", 66, "must be numbers", both(with_feature(OWN), own_features(np.ones(9)))),
    Row("own features of text", 66, "must be numbers", both(with_feature(OWN), own_features(np.full((9, 2), "x")))),
    Row("phones where there are none", 66, "phone", both(with_feature("  phones: {kind: phone_rate}\n"), mumbled)),
    Row("a space that nobody has", 18, "T1w", arguments("--space", "T1w")),
    Row("a -d that is not there", 66, "", arguments("-d", "nowhere")),
    Row("nobody matches", 18, "99", arguments("--participant-label", "99")),
    Row("a task that nobody has", 18, "rest", arguments("-t", "rest")),
    Row("group without results", 66, "nobody has results here yet", arguments(), ("group",)),
    Row("an OUT_DIR that is a file", 64, "OUT_DIR is a file",
        lambda root: [(root / out).write_text("") for out in ("dry", "real")] and ()),
    Row("an OUT_DIR within a file", 73, "", lambda root: (root / "file").write_text("") and (), ("within",)),
    Row("fails at both levels", 1, r"samples are too few for 90 folds",
        analysis("solver: ridge", "solver: ridge, outer: 90"), ("participant", "group")),
    Row("a feature's option", 64, "", analysis("word_length", "word_lenght")),
]  # fmt: skip
ONLY_THE_RUN_KNOWS = [
    Row("every target is constant", 1, "no target varies|constant", everywhere(constant)),
    Row("own features with NaN", 1, "NaN", both(with_feature(OWN), own_features(np.full((126, 2), np.nan)))),
]


def shown(capsys):
    said = capsys.readouterr()
    return said.out + said.err


def some(rows):
    """Every third row; all others take their time among the long tests."""
    marks = [() if number % 3 == 0 else (pytest.mark.long,) for number in range(len(rows))]
    return [pytest.param(row, id=row.name, marks=own) for row, own in zip(rows, marks, strict=True)]


@pytest.mark.parametrize("row", some(ROWS))
def test_a_dry_run_ends_as_the_run_does_and_names_its_cause(row, study, capsys):
    more = row.spoil(study)
    more = [one for one in more if isinstance(one, str)] if isinstance(more, list | tuple) else []
    places = ("file/dry", "file/real") if row.levels == ("within",) else ("dry", "real")
    levels = ("participant",) if row.levels == ("within",) else row.levels
    before = files(study / places[0])
    capsys.readouterr()
    foretold = concord(study, places[0], *more, "--dry-run", levels=levels)
    dry = shown(capsys)
    left = files(study / places[0]) - before
    done = concord(study, places[1], *more, levels=levels)
    real = shown(capsys)
    assert (foretold, done) == (row.code, row.code), dry + "\n-----\n" + real
    for said in (dry, real):
        assert re.search(row.said, said), said
    assert {name for name in left if not name.startswith("logs")} <= {"plan.json"}


@pytest.mark.parametrize("row", some(ONLY_THE_RUN_KNOWS))
def test_what_only_computing_can_tell(row, study, capsys):
    row.spoil(study)
    assert concord(study, "dry", "--dry-run") == 0
    capsys.readouterr()
    assert concord(study, "real") == row.code
    assert re.search(row.said, shown(capsys))


def test_an_estimate_that_a_model_has_not_refuses_nothing(study, capsys):
    """Some models have a width for each of their blocks (Gemma 3n), which is no fault of theirs."""
    both(with_feature(LANGUAGE), edited("models/tiny-gpt2/config.json", intermediate_size=[64, 64]))(study)
    assert (concord(study, "dry", "--dry-run"), concord(study, "real")) == (0, 0), shown(capsys)


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


# ------------------------------------------------------------------------------------------------ electrodes
def all_bad(root):
    for path in root.rglob("*_channels.tsv"):
        path.write_text(path.read_text().replace("\tgood\n", "\tbad\n"))


def no_word_times(root):
    gone("bids/stimuli/*.tsv")(root)
    replace_text(root / "tiny.yaml", "  length: {kind: word_length}\n", "")


def cut_signals(root):
    path = next(root.rglob("*run-1*_ieeg.fif"))
    path.write_bytes(path.read_bytes()[:2000])


ELECTRODES = {
    "no usable channel": (all_bad, 66, "no good SEEG or ECoG channel"),
    "no times of words": (no_word_times, 1, "no word times"),
    "too few words": (lambda root: replace_text(root / "tiny.yaml", "candidates: 4", "candidates: 4, outer: 900"), 1,
                      r"\d+ samples are too few for 900 folds"),
    "signals that are cut off": (cut_signals, 1, "run-1"),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "code", "said"), ELECTRODES.values(), ids=ELECTRODES)
def test_of_electrodes_it_tells_the_truth_too(spoil, code, said, tmp_path, capsys):
    bids, analysis = tiny_ieeg.make_study(tmp_path)
    spoil(tmp_path)
    for more in (["--dry-run"], []):
        given = [str(bids), str(tmp_path / f"out{len(more)}"), "participant", "--analysis", str(analysis), *more]
        assert main(given) == code, shown(capsys)
        assert re.search(said, shown(capsys))
