"""The glossary: each term once, in the module, on the page and in the words of reports."""

import re
from pathlib import Path

from bids_app.outputs.wording.glossary import PAGE, SECTIONS, TERMS, as_markdown

ROOT = Path(__file__).parents[3]


def test_the_page_is_the_modules():
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    assert page == as_markdown(), f"python -m bids_app.outputs.wording.glossary > {PAGE}"


def test_each_term_stands_once_with_its_definition():
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    assert sorted(re.findall(r"^### (.+)$", page, re.MULTILINE)) == sorted(TERMS)
    for name, term in TERMS.items():
        assert f"### {name}\n{term.definition}\n" in page


def test_no_form_is_of_two_terms():
    terms = [term for terms in SECTIONS.values() for term in terms]
    assert len(terms) == len(TERMS)
    forms = [form.lower() for term in terms for form in (term.name, *term.forms)]
    assert len(forms) == len(set(forms))
    anchors = [term.anchor for term in terms]
    assert len(anchors) == len(set(anchors))
    assert all(re.fullmatch(r"term-[a-z0-9-]+", anchor) for anchor in anchors)
