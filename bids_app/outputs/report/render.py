"""Templates to HTML, everything from the data set escaped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from bids_app.outputs.report.terms import TermLinks, as_code
from bids_app.outputs.wording.phrases import count_of, from_to, listed, nouns_of, number


def render(template: str, context: Mapping[str, object]) -> str:
    """The filled template; a name that the context lacks is an error, not a blank.

    Parameters
    ----------
    template : file name in the folder `templates`.
    context : name in the template → value.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    links = TermLinks()
    environment.filters |= {
        "number": number,
        "listed": listed,
        "nouns": nouns_of,
        "href": lambda path: quote(str(path)),
        "terms": links,
        "code": as_code,
    }
    environment.globals |= {"terms": links, "count_of": count_of, "from_to": from_to}
    return environment.get_template(template).render(**context)
