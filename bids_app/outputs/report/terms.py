"""Links from a report's sentences to its own list of terms: each at its first use."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from bids_app.outputs.wording.glossary import TERMS, Term

if TYPE_CHECKING:
    from markupsafe import Markup


class TermLinks:
    """Links of one report. Sentences must come in the order in which they stand on the page."""

    def __init__(self) -> None:
        linked = [term for term in TERMS.values() if not term.is_plain_word]
        self._forms = {form.lower(): term for term in linked for form in (term.name, *term.forms)}
        words = "|".join(re.escape(form) for form in sorted(self._forms, key=len, reverse=True))
        # A term is a word of its own, not a part of a name such as `uniqueSpeech` or `desc-lags`.
        self._pattern = re.compile(rf"(?<![\w\-/.])({words})(?![\w\-/])", re.IGNORECASE)
        self._linked: dict[str, Term] = {}

    def __call__(self, text: str) -> Markup:
        """The text as HTML, with a link at each term's first use."""
        from markupsafe import Markup

        return Markup(self._pattern.sub(self._link, escape(str(text))))  # noqa: S704 (escaped here)

    def named(self, name: str, shown: str | None = None) -> Markup:
        """A term by its name; a link where it is the first.

        Parameters
        ----------
        name : of the term.
        shown : in which words; its name where not given.
        """
        from markupsafe import Markup

        return Markup(self._anchor(TERMS[name], escape(shown or name)))  # noqa: S704 (escaped here)

    @property
    def linked(self) -> tuple[Term, ...]:
        """The terms that were linked so far, in alphabetical order."""
        return tuple(sorted(self._linked.values(), key=lambda term: term.name.lower()))

    def _link(self, match: re.Match[str]) -> str:
        return self._anchor(self._forms[match[1].lower()], match[1])

    def _anchor(self, term: Term, shown: str) -> str:
        if term.name in self._linked:
            return shown
        self._linked[term.name] = term
        return f'<a class="term" href="#{term.anchor}">{shown}</a>'


def as_code(text: str) -> Markup:
    """A definition as HTML, with what stands between backticks as code."""
    from markupsafe import Markup

    pieces = enumerate(map(escape, text.split("`")))
    return Markup("".join(f"<code>{piece}</code>" if odd % 2 else piece for odd, piece in pieces))  # noqa: S704
