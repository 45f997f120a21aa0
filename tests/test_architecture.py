"""The house as tests: imports run downwards, --help is light, rooms are small, functions take few parameters."""

import ast
import re
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "bids_app"
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
FOLDERS = sorted({path.parent for path in SOURCES})

BASE = {"records", "errors", "boundary", "marks", "pointers", "process", "inputs", "disk", "durations"}
DATASET = (
    "files", "transcripts", "stimuli", "signals", "electrodes", "confounds", "responses", "atlases", "discovery",
    "alignment",
)  # fmt: skip
FEATURES = {"acoustic", "language", "lexical", "phonetic", "speech"}
MAY_IMPORT = {  # room → rooms; the name of a wing stands for all of its rooms
    "errors": set(),
    "templates": set(),
    "durations": set(),
    "records": set(),
    "marks": set(),
    "process": {"errors", "disk"},
    "boundary": {"errors"},
    "pointers": {"errors"},
    "inputs": {"errors", "pointers"},
    "disk": {"errors"},
    "execution": BASE,
    "settings": BASE | {"features", "templates"},
    "dataset": BASE | {f"dataset/{room}" for room in DATASET},
    "dataset/files": BASE,
    "dataset/transcripts": BASE | {"dataset/files"},
    "dataset/stimuli": BASE | {"templates", "dataset/files", "dataset/transcripts"},
    "dataset/signals": BASE | {"dataset/files"},
    "dataset/electrodes": BASE | {"dataset/files", "dataset/signals"},
    "dataset/confounds": BASE | {"dataset/files"},
    "dataset/responses": BASE | {f"dataset/{room}" for room in ("files", "signals", "electrodes", "confounds")},
    "dataset/atlases": BASE | {"dataset/files", "dataset/responses"},
    "dataset/alignment": BASE | {f"dataset/{room}" for room in DATASET[:-3]},
    "dataset/discovery": BASE | {f"dataset/{room}" for room in DATASET[:-3]},
    "features": BASE | {f"features/{room}" for room in (*FEATURES, "base", "transformers", "stated")},
    "features/base": BASE,
    "features/transformers": BASE | {"features/base"},
    "features/stated": BASE | {"features/transformers"},
    "features/acoustic": BASE | {"features/base"},
    "features/phonetic": BASE | {"features/base"},
    "features/lexical": BASE | {"features/base", "features/transformers", "features/stated"},
    "features/language": BASE | {"features/base", "features/transformers", "features/stated"},
    "features/speech": BASE | {"features/base", "features/transformers", "features/stated", "features/language"},
    "encoding": {"records"}
    | {
        f"encoding/{room}"
        for room in ("design", "ridge", "kept", "partition", "inference", "subspace", "comparisons")
    },
    "encoding/errors": set(),
    "encoding/side_by_side": set(),
    "encoding/design": {"records", "encoding/errors"},
    "encoding/ridge": {"records", "encoding/errors", "encoding/design", "encoding/side_by_side"},
    "encoding/kept": {"records", "encoding/design", "encoding/ridge"},
    "encoding/subspace": {"records", "encoding/errors", "encoding/design"},
    "encoding/partition": {"records", "encoding/errors", "encoding/design", "encoding/ridge"},
    "encoding/inference": {"records", "encoding/errors"}
    | {f"encoding/{room}" for room in ("design", "ridge", "partition", "side_by_side")},
    "encoding/comparisons": {"records", "encoding/errors"}
    | {f"encoding/{room}" for room in ("design", "ridge", "partition", "inference", "subspace")},
    "regions": BASE,
    "group": BASE | {"encoding"},
    "demo": BASE | {"features", "encoding"},
    "outputs": BASE
    | {f"outputs/{room}" for room in ("files", "wording", "figures", "derivatives", "compare", "report")},
    "outputs/files": BASE,
    "outputs/wording": BASE | {"outputs/files"},
    "outputs/figures": BASE | {"outputs/files", "outputs/wording"},
    "outputs/derivatives": BASE | {"outputs/files", "outputs/wording"},
    "outputs/compare": BASE | {"outputs/files", "outputs/wording", "outputs/derivatives"},
    "outputs/report": BASE | {"outputs/files", "outputs/wording", "outputs/figures", "outputs/derivatives"},
    "pipeline/job": BASE | {"settings", "templates", "dataset", "features"},
    "pipeline/runs": BASE | {"settings", "pipeline/job", "dataset", "features", "encoding", "group", "execution"},
    "pipeline/unit": BASE
    | {f"pipeline/{room}" for room in ("job", "runs", "watching")}
    | {"settings", "dataset", "features", "encoding", "execution"},
    "pipeline": BASE
    | {f"pipeline/{room}" for room in ("job", "runs", "unit", "watching", "cluster")}
    | {"settings", "dataset", "regions", "group", "outputs", "execution"},
    "pipeline/slurm": {"errors", "disk", "settings", "execution", "dataset", "pipeline/job"},
    "pipeline/cluster": BASE | {"settings", "execution", "pipeline/watching"},
    "pipeline/watching": BASE | {"settings", "pipeline/job", "execution"},
    "api": BASE | {"encoding", "outputs", "features", "settings", "dataset"},
    "cli": BASE | {"settings", "pipeline", "pipeline/job", "pipeline/slurm", "demo", "features", "execution"},
    "__main__": {"cli"},
}
ARRAYS = {"numpy", "torch", "scipy"}
HEAVY = {"torch", "mne", "nilearn", "pandas", "transformers", "matplotlib", "bids", "scipy", "numpy", "pydantic",
         "dask", "distributed", "tornado"}  # fmt: skip


def room_of(path):
    """The line of the table that holds for a file."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    own = "/".join(parts[:2])
    return own if own in MAY_IMPORT else parts[0]


def imported(path):
    """(files of bids_app, third-party top level) that a file imports, wherever in it."""
    files, others = set(), set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [(node.module, alias.name) for alias in node.names]
        else:
            continue
        for module, name in names:
            if module.split(".")[0] != "bids_app":
                others.add(module.split(".")[0])
            elif (module, name) != ("bids_app", "__version__"):
                files.add(file_of(module, name))
    return files, others - set(sys.stdlib_module_names)


def file_of(module, name):
    """The file that `from module import name` reads: of a package its __init__, unless the name is a module."""
    folder = PACKAGE.joinpath(*module.split(".")[1:])
    inside = folder / f"{name}"
    if inside.is_dir():
        return inside / "__init__.py"
    if inside.with_suffix(".py").is_file():
        return inside.with_suffix(".py")
    return folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_downwards(path):
    room = room_of(path)
    files, _ = imported(path)
    allowed = {room, *MAY_IMPORT[room]}
    beyond = {other for other in map(room_of, files) if not {other, other.split("/")[0]} & allowed}
    assert not beyond, f"{path} imports upwards or sideways"


def test_the_table_has_no_circle_and_no_line_too_many():
    tuple(TopologicalSorter(MAY_IMPORT).static_order())
    assert {room_of(path) for path in SOURCES} == set(MAY_IMPORT)


def in_wing(name):
    return [path for path in SOURCES if path.relative_to(PACKAGE).parts[0] == name]


@pytest.mark.parametrize("path", in_wing("encoding"), ids=lambda path: path.name)
def test_encoding_needs_only_arrays(path):
    assert imported(path)[1] <= ARRAYS


def loaded_after(code):
    script = f"import sys\n{code}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_the_import_loads_nothing_heavy():
    assert not loaded_after("import bids_app as concord\ndir(concord)") & (HEAVY | {"sklearn", "nibabel"})


def test_scikit_learn_stands_in_one_room():
    assert {room_of(path) for path in SOURCES if "sklearn" in imported(path)[1]} == {"api"}


def test_help_loads_nothing_heavy():
    code = "from bids_app.cli import build_parser\nbuild_parser().format_help()\nfrom bids_app.cli import main\n"
    code += "try: main(['--help'])\nexcept SystemExit: pass"
    assert not loaded_after(code) & (HEAVY - {"numpy"})


def test_a_dry_run_loads_nothing_that_fits():
    slow = {"torch", "scipy", "transformers", "matplotlib", "bids", "pandas", "mne", "nilearn", "soundfile", "jinja2"}
    assert not loaded_after("import bids_app.pipeline.run") & slow


def test_a_run_in_one_process_loads_no_dask():
    levels = "bids_app.pipeline.participants, bids_app.pipeline.group_level, bids_app.pipeline.several_models"
    loaded = loaded_after(f"import bids_app.pipeline.run, {levels}, bids_app.outputs, bids_app.dataset")
    assert "torch" in loaded
    assert not loaded & {"dask", "distributed", "tornado", "msgpack"}


def test_dask_stands_in_one_room():
    assert {room_of(path) for path in SOURCES if imported(path)[1] & {"dask", "distributed"}} == {"pipeline/cluster"}


def test_a_wing_of_settings_is_light_until_it_reads_an_analysis():
    assert not loaded_after("import bids_app.settings, bids_app.settings.run_options") & (HEAVY - {"numpy"})


def test_features_and_encoding_need_little():
    loaded = loaded_after("import bids_app.encoding, bids_app.features")
    assert not loaded & {"mne", "nilearn", "pandas", "matplotlib", "bids", "nibabel", "pydantic", "soundfile", "soxr"}


# ------------------------------------------------------------------------------------------------ size
MOST_FILES, MOST_LINES, MOST_PARAMETERS, FEW_PARAMETERS, SHARE_WITH_FEW = 13, 400, 8, 4, 0.9


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_holds_about_a_dozen_files(folder):
    assert len(list(folder.glob("*.py"))) <= MOST_FILES


def test_a_file_is_read_at_a_sitting():
    lines = {str(path.relative_to(PACKAGE)): len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    assert {path: count for path, count in lines.items() if count > MOST_LINES} == {}


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("__init__.py")), ids=lambda path: str(path.parent.relative_to(PACKAGE.parent))
)
def test_each_room_says_in_its_first_sentence_what_lives_there(path):
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert said
    first = said.split("\n\n")[0]
    assert first.endswith(".")
    assert len(first.split()) <= 40


def functions():
    """(where, number of parameters) of every function, self and cls not counted."""
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                arguments = node.args
                names = [one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
                own = names[1:] if names[:1] in (["self"], ["cls"]) else names
                yield f"{path.relative_to(PACKAGE)}:{node.lineno} {node.name}", len(own)


def test_no_function_takes_many_parameters():
    assert [(where, count) for where, count in functions() if count > MOST_PARAMETERS] == []


def test_nine_of_ten_functions_take_few():
    counts = [count for _, count in functions()]
    few = sum(count <= FEW_PARAMETERS for count in counts) / len(counts)
    assert few >= SHARE_WITH_FEW, f"{few:.1%} take at most {FEW_PARAMETERS}"


# ------------------------------------------------------------------------------------------------ opening of inputs
OPENS = {  # what opens a file, by its last names
    "open", "read_text", "read_bytes", "scandir", "nibabel.load", "nib.load", "np.load", "numpy.load", "np.fromfile",
    "np.memmap", "np.loadtxt", "np.genfromtxt", "h5py.File", "pd.read_csv", "pd.read_table", "json.load", "io.open",
    "os.open", "io.FileIO", "gzip.open", "gzip.GzipFile", "bz2.open", "lzma.open", "zipfile.ZipFile", "wave.open",
    "tarfile.open", "pickle.load", "soundfile.info", "soundfile.read", "soundfile.SoundFile", "loadmat", "read_raw",
    "NWBHDF5IO", "MefSession", "load_confounds", "BIDSLayout", "etree.parse", "ParseFile", "linecache.getlines",
}  # fmt: skip
MAY_OPEN = {  # thin readers of one format: what they call, once `bids_app/inputs` has checked the file
    "dataset/files/layout.py": {"scandir", "BIDSLayout"},  # names alone
    "dataset/discovery/filters.py": {"read_text"},  # of Concord's own table of entities
    "dataset/stimuli/sound.py": {"soundfile.info", "soundfile.read", "soundfile.SoundFile"},
    "dataset/signals/open.py": {"read_raw"},
    "dataset/signals/nwb.py": {"NWBHDF5IO"},
    "dataset/signals/mef.py": {"MefSession"},
    "dataset/confounds/columns.py": {"load_confounds"},
    "dataset/confounds/tables.py": {"pd.read_csv"},  # of bytes
    "dataset/responses/parcels.py": {"pd.read_csv"},
    "features/precomputed.py": {"np.loadtxt"},  # of a text
}
READERS_OF_PATHS = [*in_wing("dataset"), PACKAGE / "features" / "precomputed.py"]


def openings(tree):
    """What a file calls, or names, that opens a file."""
    own = {alias.asname or alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
           and (node.module or "").startswith("bids_app") for alias in node.names}  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name) and not (isinstance(node, ast.Name) and node.id in own):
            dotted = ast.unparse(node)
            yield from (name for name in OPENS if dotted == name or dotted.endswith(f".{name}"))


@pytest.mark.parametrize("path", READERS_OF_PATHS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_inputs_are_opened_in_one_place(path):
    text = path.read_text(encoding="utf-8")
    found, allowed = set(openings(ast.parse(text))), MAY_OPEN.get(str(path.relative_to(PACKAGE)), set())
    assert found <= allowed, f"{path} opens a file past bids_app/inputs"
    assert not allowed - {"scandir", "BIDSLayout", "read_text"} or "from bids_app.inputs" in text


MAY_OPEN_RESULTS = {  # what `disk.require_regular` has seen, what is written, the kernel's, and Concord's own tables
    "disk/arrays.py": {"open", "zipfile.ZipFile", "np.load"},
    "disk/locks.py": {"open", "os.open"},
    "disk/owners.py": {"read_text"},
    "disk/regular.py": {"open", "os.open"},
    "disk/replace.py": {"open"},
    "disk/scratch.py": {"open", "np.memmap"},
    "outputs/derivatives/saved/models.py": {"h5py.File"},
    "outputs/derivatives/saved/series.py": {"h5py.File"},
    "outputs/figures/greyordinates.py": {"np.load"},
    "outputs/files/arrays.py": {"h5py.File"},
    "outputs/files/file_set.py": {"open"},
    "outputs/files/images.py": {"gzip.GzipFile"},
    "features/store.py": {"h5py.File"},
}
READERS_OF_RESULTS = [
    *(path for wing in ("disk", "outputs", "execution") for path in in_wing(wing)),
    *(PACKAGE / "features" / name for name in ("store.py", "sidecar.py")),
]


@pytest.mark.parametrize("path", READERS_OF_RESULTS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_of_out_dir_are_opened_as_regular_ones(path):
    found = set(openings(ast.parse(path.read_text(encoding="utf-8"))))
    assert found == MAY_OPEN_RESULTS.get(str(path.relative_to(PACKAGE)), set())


@pytest.mark.parametrize(
    "code",
    ["open(path)", "path.open()", "Path(p).read_text()", "nibabel.load(p)", "h5py.File(p)", "np.load(p)",
     "pd.read_csv(path)", "soundfile.read(p)", "wave.open(p)", "map(Path.read_bytes, paths)", "mne.io.read_raw(p)"],
)  # fmt: skip
def test_what_opens_a_file_is_seen(code):
    assert set(openings(ast.parse(code)))


def test_the_table_of_readers_has_no_line_too_many():
    for name, allowed in MAY_OPEN.items():
        assert set(openings(ast.parse((PACKAGE / name).read_text(encoding="utf-8")))) == allowed, name


def test_every_library_that_is_imported_is_a_dependency_of_our_own():
    """Not one that happens to be there for another library's sake."""
    with (PACKAGE.parent / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    lines = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    declared = {re.match(r"[\w.-]+", line).group().lower().replace("_", "-") for line in lines}
    given_by = {"parselmouth": ["praat-parselmouth"]} | dict(packages_distributions())
    for path in SOURCES:
        for module in imported(path)[1]:
            names = {name.lower().replace("_", "-") for name in given_by.get(module, [module])}
            assert names & declared, f"{path.relative_to(PACKAGE)}: {module}"
