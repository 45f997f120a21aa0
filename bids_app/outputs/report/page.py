"""A report's page, written last: figures that an earlier one had and it does not show are removed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from bids_app.errors import CannotCreate
from bids_app.outputs.files import names
from bids_app.outputs.files.files import write_text
from bids_app.outputs.report.render import render


def write_page(out_dir: Path, page: PurePosixPath, template: str, context: Mapping[str, object]) -> Path:
    """Fill a template and write it.

    Parameters
    ----------
    out_dir : where results lie.
    page : the report, relative to it.
    template : file name in the folder `templates`.
    context : name in the template → value.

    Returns
    -------
    The page.

    Raises
    ------
    CannotCreate : where it cannot be written, or a figure not be removed.
    """
    files = {"methods_file": names.methods_file(page), "bibtex_file": names.REFERENCES_FILE}
    text = render(template, {**files, **context})
    folder = names.figures_folder(page)
    for figure in sorted((out_dir / folder).glob("*_figure.*")):
        if quote(str(folder / figure.name)) not in text:
            try:
                figure.unlink(missing_ok=True)
            except OSError as error:
                raise CannotCreate("cannot remove", figure, error.strerror or "") from None
    return write_text(out_dir / page, text)
