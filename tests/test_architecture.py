"""DESIGN 1 as a test: imports run downwards, and --help is light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "bids_app"
FOUNDATION = {"records", "errors"}
MAY_IMPORT = {
    "records": set(),
    "errors": set(),
    "analysis": FOUNDATION,
    "options": FOUNDATION,
    "dataset": FOUNDATION,
    "features": FOUNDATION,
    "encoding": {"records"},
    "group": FOUNDATION | {"encoding"},
    "outputs": FOUNDATION,
    "execution": FOUNDATION,
    "demo": FOUNDATION | {"features", "encoding"},
    "job": FOUNDATION | {"analysis", "options", "dataset", "features"},
    "projections": FOUNDATION | {"job", "encoding"},
    "repeats": FOUNDATION | {"encoding"},
    "baseline": FOUNDATION | {"job", "dataset", "encoding"},
    "epochs": FOUNDATION | {"job", "baseline", "projections", "encoding"},
    "beside": FOUNDATION | {"job", "encoding"},
    "answers": FOUNDATION | {"encoding"},
    "layers": FOUNDATION | {"job", "epochs", "encoding"},
    "contexts": FOUNDATION | {"job", "encoding"},
    "loading": FOUNDATION | {"job", "baseline", "projections", "epochs", "dataset", "encoding", "execution"},
    "accounts": FOUNDATION | {"job", "loading", "dataset", "execution"},
    "shared": FOUNDATION | {"job", "baseline", "loading", "repeats", "dataset", "encoding", "group", "execution"},
    "fitting": FOUNDATION
    | {
        "job",
        "layers",
        "loading",
        "beside",
        "answers",
        "contexts",
        "shared",
        "accounts",
        "projections",
        "repeats",
        "epochs",
        "encoding",
        "execution",
    },
    "people": FOUNDATION | {"job", "loading", "fitting", "shared", "group", "outputs", "execution"},
    "pipeline": FOUNDATION
    | {"options", "job", "loading", "fitting", "people", "dataset", "group", "outputs", "execution"},
    "cli": FOUNDATION | {"analysis", "options", "pipeline"},
    "tools": FOUNDATION | {"analysis", "job", "demo", "features"},
    "__main__": {"cli"},
}
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def wing_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path):
    """(wing, third-party top level) names that a file imports, wherever in it."""
    wings, others = set(), set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module] if node.module != "bids_app" else [f"bids_app.{alias.name}" for alias in node.names]
        for name in names:
            top, _, rest = name.partition(".")
            (wings if top == "bids_app" else others).add(rest.split(".")[0] if top == "bids_app" else top)
    return wings - {"__version__", ""}, others


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_downwards(path):
    wing = wing_of(path)
    wings, _ = imported(path)
    assert wings - {wing} <= MAY_IMPORT[wing], f"{path} imports upwards or sideways"


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if wing_of(path) == "encoding"], ids=lambda path: path.name
)
def test_encoding_needs_only_arrays(path):
    _, others = imported(path)
    assert others - set(sys.stdlib_module_names) <= {"numpy", "torch", "scipy"}


def loaded_after(code):
    script = f"import sys\n{code}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_help_loads_nothing_heavy():
    code = "from bids_app.cli import build_parser\nbuild_parser().format_help()\nfrom bids_app.cli import main\n"
    code += "try: main(['--help'])\nexcept SystemExit: pass"
    assert not loaded_after(code) & {
        "torch",
        "mne",
        "nilearn",
        "pandas",
        "transformers",
        "matplotlib",
        "bids",
        "scipy",
    }


def test_features_and_encoding_need_little():
    loaded = loaded_after("import bids_app.encoding, bids_app.features")
    assert not loaded & {"mne", "nilearn", "pandas", "matplotlib", "bids", "nibabel", "pydantic", "soundfile", "soxr"}
