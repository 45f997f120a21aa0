"""The site: links as they are there, and a build in which every link leads somewhere and nothing is fetched."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def the_hook():
    spec = importlib.util.spec_from_file_location("site_hook", ROOT / "scripts/site_hook.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HOOK = the_hook()


@pytest.mark.parametrize(
    ("page", "link", "placed"),
    [
        ("README.md", "docs/start.md", "start.md"),
        ("README.md", "docs/published/index.md#what", "published/index.md#what"),
        ("README.md", "CITATION.cff", "CITATION.cff"),
        ("CONTRIBUTING.md", "docs/images/a.png", "images/a.png"),
        ("start.md", "inputs.md#stimuli", "inputs.md#stimuli"),
        ("start.md", "../CHANGES.md", "CHANGES.md"),
        ("start.md", "#here", "#here"),
        ("start.md", "https://example.org/docs/start.md", "https://example.org/docs/start.md"),
        ("published/index.md", "../analysis.md", "../analysis.md"),
        ("published/index.md", "podcast.md", "podcast.md"),
        ("published/index.md", "../../CHANGES.md", "../CHANGES.md"),
        ("benchmarks/RESULTS.md", "../docs/features.md#how", "../features.md#how"),
        ("benchmarks/RESULTS.md", "CALIBRATION.md", "CALIBRATION.md"),
    ],
)
def test_links_are_those_of_the_site(page, link, placed):
    assert HOOK.site_place(page, link) == placed


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("What is read", "what-is-read"),
        ("Models, saved", "models-saved"),
        ("R²", "r"),
        ("5. Outputs", "5-outputs"),
        ("What does a space add? (unique…)", "what-does-a-space-add-unique"),
        ("In how many people? (prevalence)", "in-how-many-people-prevalence"),
    ],
)
def test_anchors_are_those_of_github(heading, anchor):
    assert HOOK.github_slug(heading) == anchor


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.long
def test_every_page_is_built(built):
    for page in (ROOT / "docs").rglob("*.md"):
        assert (built / page.relative_to(ROOT / "docs")).with_suffix(".html").is_file(), page
    for name in HOOK.ROOT_PAGES:
        assert (built / name.replace("README", "index")).with_suffix(".html").is_file(), name


@pytest.mark.long
def test_nothing_is_fetched(built):
    for page in built.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        fetched = re.findall(r"<(?:script|img|iframe)[^>]*src=\"?https?:[^>]*>", text)
        fetched += re.findall(r"<link[^>]*rel=\"?(?:stylesheet|preconnect)[^>]*https?:[^>]*>", text)
        assert not fetched, f"{page.name}: {fetched}"


@pytest.mark.long
def test_equations_are_drawn_by_the_browser(built):
    page = (built / "numbers.html").read_text(encoding="utf-8")
    equations = (ROOT / "docs/numbers.md").read_text(encoding="utf-8").count("```math")
    assert equations > 10
    assert page.count('<div class="equation"') == page.count("<math ") == equations
    assert "\\frac" not in re.sub(r'aria-label="[^"]*"', "", page)


@pytest.mark.long
def test_pages_are_named_by_their_titles(built):
    page = (built / "numbers.html").read_text(encoding="utf-8")
    assert re.search(r'<a href="inference.html">Which numbers to trust</a>', page)
    assert not re.search(r"<a [^>]*>[\w/]+\.md</a>", page)
