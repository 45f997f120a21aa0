"""What mkdocs is told besides mkdocs.yml: pages of the repository's root join the site, headings have anchors as
on GitHub, and equations are MathML, which browsers draw by themselves. So one text serves GitHub and the site."""

from __future__ import annotations

import html
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
ROOT_PAGES = ("README.md", "CONTRIBUTING.md", "CHANGES.md", "benchmarks/RESULTS.md", "benchmarks/CALIBRATION.md")
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def github_slug(heading: str, separator: str = "-") -> str:
    """A heading's anchor, as GitHub makes it.

    Parameters
    ----------
    heading : its text, without links and emphasis.
    separator : what stands for a blank.
    """
    return re.sub(r"[^\w\- ]", "", heading.lower().replace("²", "")).replace(" ", separator)


def math_fence(source: str, *_: Any, **__: Any) -> str:
    """A fence of `math` as MathML, with its TeX as the label that a screen reader may fall back on.

    Parameters
    ----------
    source : TeX, as GitHub shows it.
    """
    from latex2mathml.converter import convert

    label = html.escape(" ".join(source.split()))
    return f'<div class="equation" role="math" aria-label="{label}">{convert(source, display="block")}</div>'


def site_place(page: str, link: str) -> str:
    """A link of a page, from its place in the repository to its place in the site.

    Parameters
    ----------
    page : the page's path in the site.
    link : as it is written, relative to the page's place in the repository.

    Returns
    -------
    The link relative to the page's place in the site.
    """
    path, mark, anchor = link.partition("#")
    if not path or re.match(r"[a-z]+:", path):
        return link
    folder = posixpath.dirname(page if page in ROOT_PAGES else f"docs/{page}")
    place = posixpath.normpath(posixpath.join(folder, path)).removeprefix("docs/")
    return posixpath.relpath(place, posixpath.dirname(page) or ".") + mark + anchor


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """mkdocs asks for it once the settings are read."""
    config.mdx_configs["toc"]["slugify"] = github_slug
    config.mdx_configs["pymdownx.superfences"] = {
        "custom_fences": [{"name": "math", "class": "equation", "format": math_fence}]
    }
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """mkdocs asks for it once the files of docs/ are known: those of the root, and what pages link to, join them."""
    from mkdocs.structure.files import File

    for name in ROOT_PAGES:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    for page in [file for file in files if file.src_uri.endswith(".md")]:
        for *_, link in LINK.findall(page.content_string):
            place = posixpath.normpath(
                posixpath.join(posixpath.dirname(page.src_uri), site_place(page.src_uri, link))
            )
            path = place.partition("#")[0]
            if files.get_file_from_path(path) is None and (ROOT / path).is_file():
                files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, files: Files, **_: Any) -> str:
    """mkdocs asks for it for each page: links are those of the site, and name a page by its title, not its file."""

    def placed(found: re.Match[str]) -> str:
        label, link = found[2], site_place(page.file.src_uri, found[3])
        path = posixpath.normpath(posixpath.join(posixpath.dirname(page.file.src_uri), link.partition("#")[0]))
        there = files.get_file_from_path(path) if label.endswith(".md") else None
        title = there.page.title if there is not None and there.page is not None else label
        return f"{found[1]}[{title}]({link})"

    return LINK.sub(placed, markdown)
