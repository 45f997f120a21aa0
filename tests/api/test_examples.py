"""The examples of the docs run as they stand, on small studies, and leave their figures."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from quick_study import concord as run_concord
from quick_study import make_quick_study, plain_brains
from tiny_study import make_study

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "docs/examples").glob("*.py"))
MOST_BYTES = 150_000


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Example → what it is given before its figure."""
    quick = make_quick_study(tmp_path_factory.mktemp("quick"))
    with plain_brains():
        assert run_concord(quick, "participant", "group") == 0
    tiny = tmp_path_factory.mktemp("tiny")
    bids_dir, _ = make_study(tiny, people=("01",), runs=(1, 2))
    return {
        "from_results_to_a_figure": [quick / "out"],
        "own_arrays_to_a_partition": [],
        "own_features_into_an_analysis": [bids_dir, tiny / "work"],
    }


def test_there_are_three():
    assert len(EXAMPLES) == 3


@pytest.mark.long
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_and_leaves_its_figure(path, given, tmp_path):
    figure = tmp_path / "figure.png"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, path, *given[path.stem], figure],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    with Image.open(figure) as image, Image.open(ROOT / f"docs/images/{path.stem}.png") as shown:
        assert image.size == shown.size
        assert len(set(image.convert("L").tobytes())) > 20  # something is drawn


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_page_shows_each_with_its_figure(path):
    page = (ROOT / "docs/python.md").read_text(encoding="utf-8")
    assert f"](examples/{path.name})" in page
    assert re.search(rf"!\[[^\]]{{20,}}\]\(images/{path.stem}\.png\)", page), (
        "a figure has words for who cannot see it"
    )
    assert (ROOT / f"docs/images/{path.stem}.png").stat().st_size <= MOST_BYTES


SNIPPETS = [
    (page, code)
    for page in ("start", "outputs")
    for code in re.findall(r"```python\n(.*?)```", (ROOT / f"docs/{page}.md").read_text(encoding="utf-8"), re.DOTALL)
]


@pytest.mark.parametrize(("page", "code"), SNIPPETS)
def test_snippets_are_of_the_demo(page, code):
    assert "demo/out" in code
    compile(code, page, "exec")
