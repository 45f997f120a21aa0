"""Methods texts as files beside a report: Markdown to paste into a paper, and the works that it cites as BibTeX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bids_app.errors import CannotCreate
from bids_app.outputs.files import names
from bids_app.outputs.files.files import write_if_new, write_text
from bids_app.outputs.wording.methods.references import Reference, as_bibtex, references_of

HEAD = (
    "Written by Concord from how these results were made, in the words of the report `{page}`. Works stand at the "
    "end, with their keys in `{bib}`."
)


@dataclass(frozen=True)
class MethodsPart:
    """The paragraphs of one unit or group."""

    title: str
    paragraphs: tuple[str, ...]


def write_methods(out_dir: Path, page: PurePosixPath, parts: Sequence[MethodsPart]) -> tuple[Reference, ...]:
    """The methods text of a report, and all works of Concord's as BibTeX; an older text goes where there is none.

    Parameters
    ----------
    out_dir : where results lie.
    page : the report, relative to it.
    parts : of the units or groups, in order.

    Returns
    -------
    The works that the text cites, as the page lists them.

    Raises
    ------
    CannotCreate : where a file cannot be written, or an older one not be removed.
    """
    path = out_dir / names.methods_file(page)
    if not parts:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise CannotCreate("cannot remove", path, error.strerror or "") from None
        return ()
    works = references_of(text for part in parts for text in part.paragraphs)
    write_text(path, _markdown(page, parts, works))
    write_if_new(out_dir / names.REFERENCES_FILE, as_bibtex())
    return works


def _markdown(page: PurePosixPath, parts: Sequence[MethodsPart], works: Sequence[Reference]) -> str:
    blocks = [f"# Methods: {page.stem}", HEAD.format(page=page, bib=names.REFERENCES_FILE)]
    for part in parts:
        blocks += [f"## {part.title}", *part.paragraphs]
    if works:
        blocks += ["## References", "\n".join(f"- {work.listed} (`{work.key}`)" for work in works)]
    return "\n\n".join(blocks) + "\n"
