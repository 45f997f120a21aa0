"""The pages name only what is there: files, anchors, flags, modules, keys, kinds, presets, exit codes, sections."""

import re
import tomllib
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from bids_app import __version__, errors
from bids_app.cli.concord import build_parser
from bids_app.cli.concord_tools import build_parser as build_tools_parser
from bids_app.features.registry import KINDS
from bids_app.settings.analysis import Analysis
from bids_app.settings.load import parse_analysis, preset_names
from bids_app.settings.recipe_files import recipe_names

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
IDS = [path.relative_to(ROOT).as_posix() for path in PAGES]
TEXT = {path: path.read_text(encoding="utf-8") for path in PAGES}
SOURCES = [path for folder in ("bids_app", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
OTHERS_FLAGS = {
    "--only",
    "--tests-only",
    "--strict",
    "--env",
    "--hashes",
    "--verbose",
    "--renamed",
    *("--scheduler-file", "--nthreads", "--nworkers", "--memory-limit", "--no-dashboard", "--death-timeout"),
    *("--resources", "--local-directory", "--ntasks", "--cpus-per-task", "--mem-per-cpu", "--time"),
    *("--containall", "--nv", "--bind", "--partition", "--build-arg", "--rm", "--network", "--read-only", "--tmpfs"),
    *("--user", "--extra-index-url", "--pipeline", "--pipeline-step"),
}  # of scripts and benchmarks, dask, SLURM, Apptainer, Docker, pip and Nipoppy
PLACE = re.compile(r"(?<![\w./-])((?:bids_app|tests|scripts|docs|benchmarks|\.ci)/[\w./-]*\w/?)")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`|^    (.+)$", re.MULTILINE)


@cache
def anchors(path: Path) -> set[str]:
    """Of a page's headings, as GitHub makes them; equal headings are numbered."""
    found: dict[str, int] = {}
    names = set()
    for heading in re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", text.replace("²", "")).replace(" ", "-")
        names.add(f"{name}-{found[name]}" if name in found else name)
        found[name] = found.get(name, 0) + 1
    return names


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(TEXT[page]):
        if re.match(r"[a-z]+:", link):
            parts = urlsplit(link)
            assert parts.scheme == "https", f"{page.name}: {link}"
            assert re.fullmatch(r"([\w-]+\.)+[a-z]{2,}", parts.netloc), f"{page.name}: {link}"
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_files_that_are_named_are_there(page: Path) -> None:
    for place in PLACE.findall(TEXT[page]):
        assert (ROOT / place).exists(), f"{page.name}: {place}"
    for module in re.findall(r"python -m (benchmarks\.\w+)", TEXT[page]):
        assert (ROOT / module.replace(".", "/")).with_suffix(".py").exists(), f"{page.name}: {module}"


def test_files_named_without_a_folder_are_there() -> None:
    files = {path.name for path in SOURCES}
    for page in (ROOT / "docs/design.md", ROOT / "CONTRIBUTING.md"):
        for name in re.findall(r"`(\w+\.py)`", TEXT[page]):
            assert name in files, f"{page.name}: {name}"


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.name != "CONTRIBUTING.md"],
    ids=lambda page: page.relative_to(ROOT).as_posix(),
)
def test_flags_are_known(page: Path) -> None:
    known = {flag for parser in (build_parser(), build_tools_parser()) for flag in parser._option_string_actions}
    tools = next(action for action in build_tools_parser()._actions if action.dest == "command")
    known |= {flag for parser in tools.choices.values() for flag in parser._option_string_actions}
    for code in ("".join(groups) for groups in CODE.findall(TEXT[page])):
        for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", code):
            assert flag in known | OTHERS_FLAGS, f"{page.name}: {flag}"


def test_every_flag_is_in_the_design_page() -> None:
    page = TEXT[ROOT / "docs/design.md"]
    for action in build_parser()._actions:
        for flag in action.option_strings[-1:]:
            assert flag in page or action.option_strings[0] in page, flag


def test_every_folder_is_in_the_house() -> None:
    folders = {path.parent.name for path in (ROOT / "bids_app").glob("*/*.py")} | {"presets", "recipes"}
    tree = TEXT[ROOT / "docs/design.md"].partition("### Folders")[2].partition("\n### ")[0]
    rooms = {"job", "runs", "unit", "watching", "cluster", "slurm"}
    assert folders | rooms == set(re.findall(r"^ +(\w+)/  ", tree, re.MULTILINE)) - {"bids_app"}
    table = TEXT[ROOT / "CONTRIBUTING.md"].partition("## The house")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+)\|", table, re.MULTILINE)
    assert folders == {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_make_targets_are_there() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in PAGES:
        for target in re.findall(r"`make ([\w-]+)`|^    make ([\w-]+)", TEXT[page], re.MULTILINE):
            assert "".join(target) in targets, f"{page.name}: make {''.join(target)}"


def test_sections_that_code_cites_are_there() -> None:
    sections = set(re.findall(r"^## (\d+)\. ", TEXT[ROOT / "docs/design.md"], re.MULTILINE))
    parts = {name.lower() for name in re.findall(r"^### (.+)$", TEXT[ROOT / "docs/design.md"], re.MULTILINE)}
    cited = set()
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        for number, part in re.findall(r"DESIGN (\d+)(?:, (\w+)\))?", text):
            assert number in sections, f"{path}: DESIGN {number}"
            assert not part or part.lower() in parts, f"{path}: DESIGN {number}, {part}"
            cited.add(number)
    assert cited, "no code cites the page"


def test_the_analysis_file_of_its_page_is_one() -> None:
    text = re.search(r"```yaml\n(.*?)```", TEXT[ROOT / "docs/analysis.md"], re.DOTALL)[1]
    analysis = parse_analysis(text, "docs/analysis.md")
    assert set(yaml.safe_load(text)) == set(Analysis.model_fields)
    for name in ("response", "design", "fit", "baseline", "inference", "group", "report"):
        assert getattr(analysis, name) == Analysis.model_fields[name].default, name


def test_presets_and_kinds_are_in_their_tables() -> None:
    assert set(re.findall(r"^\| `(\w[\w-]+)` \|", TEXT[ROOT / "README.md"], re.MULTILINE)) == set(preset_names())
    table = TEXT[ROOT / "docs/features.md"].partition("## Kinds")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+)\|", table, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)} & set(KINDS)
    assert named == set(KINDS)


def test_exit_codes_are_in_the_page_of_trouble() -> None:
    table = TEXT[ROOT / "docs/trouble.md"].partition("## By exit code")[2].partition("\n## ")[0]
    stated = {int(code) for row in re.findall(r"^\| ([\d, ]+) \|", table, re.MULTILINE) for code in row.split(", ")}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert {kind.exit_code for kind in kinds if hasattr(kind, "exit_code")} | {0, 70, 130} <= stated


def test_messages_of_the_page_of_trouble_are_said() -> None:
    texts = (path.read_text(encoding="utf-8") for path in (ROOT / "bids_app").rglob("*.py"))
    code = "".join(re.sub(r'"\s+f?"', "", text) for text in texts)
    table = TEXT[ROOT / "docs/trouble.md"].partition("## By message")[2].partition("\n## ")[0]
    messages = [
        part for cell in re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE) for part in re.findall(r"`([^`]+)`", cell)
    ]
    assert len(messages) > 25
    for message in messages:
        for part in message.split("…"):
            assert part.strip(" '") in code, f"no line says `{message}`"


def test_every_recipe_has_a_page() -> None:
    pages = {path.stem for path in (ROOT / "docs/published").glob("*.md")} - {"index", "recipes"}
    assert pages == set(recipe_names())
    for name in pages:
        assert f"--stimuli {name}" in TEXT[ROOT / f"docs/published/{name}.md"], name


def read_otherwise(text: str) -> str | None:
    """What GitHub takes for a list or a part of an item, and the site's Markdown does not: a list without an empty
    line before it, and what is in an item by fewer than four blanks."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    glued = re.search(r"(?:^|\n\n)(?![-*|>#\s]|\d+\. )[^\n]+(?:\n(?![-*|] )[^\n]+)*\n(?:[-*]|1\.) [^\n]*", text)
    narrow = re.search(r"\n\n {1,3}\S[^\n]*|\n {1,3}(?:[-*]|\d+\.) [^\n]*", text)
    found = glued or narrow
    return found[0] if found else None


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_lists_are_lists_to_both_readers(page: Path) -> None:
    assert read_otherwise(TEXT[page]) is None, page.name


@pytest.mark.parametrize(
    "text", ["A line:\n- item", "Two\nlines\n1. item", "- item\n\n  its rest", "1. item\n   - in it"]
)
def test_lists_that_one_reader_misses_are_found(text: str) -> None:
    assert read_otherwise(text) is not None
    assert read_otherwise("A line:\n\n- item\n  goes on\n\n    its rest\n- item\n") is None


def test_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"]
    (changes, *_) = re.findall(r"^## \[([^\]]+)\]", TEXT[ROOT / "CHANGES.md"], re.MULTILINE)
    assert {project, citation, changes} == {__version__}


def test_terms_of_the_glossary_stand_once() -> None:
    terms = re.findall(r"^### (.+)$", TEXT[ROOT / "docs/glossary.md"], re.MULTILINE)
    assert len(terms) == len({term.lower() for term in terms})


def test_each_definition_has_its_equation_and_its_source():
    text = (ROOT / "docs/numbers.md").read_text().partition("## Where each number lies")[0]
    names, parts = zip(*(part.split("\n", 1) for part in text.split("\n## ")[1:]), strict=True)
    assert len(names) > 10
    assert [name for name, part in zip(names, parts, strict=True) if "```math" not in part] == []
    assert [name for name, part in zip(names, parts, strict=True) if "*Source*: " not in part] == []


def test_published_data_sets_side_by_side_have_folders_of_their_own() -> None:
    pages = sorted((ROOT / "docs/published").glob("*.md"))
    folders = [folder for page in pages for folder in re.findall(r"^ +concord \. (\S+)", TEXT[page], re.MULTILINE)]
    assert len(folders) > 6
    assert sorted(folders) == sorted(set(folders))
