"""Works that methods texts cite: found in the text as they were put there, complete, and BibTeX that can be read."""

import re

import pytest
from synthetic_units import make_unit, volume_targets, with_inference

from bids_app.outputs.derivatives.summary import unit_summary
from bids_app.outputs.wording.methods.references import REFERENCES, SOFTWARE, as_bibtex, cited, references_of
from bids_app.outputs.wording.methods.text import methods_text


def test_a_text_names_the_works_that_it_cites_and_no_others():
    text = f"Ridge ({cited('dupre2022', 'shapley1953')}), as in the code of Chen et al. (2024). Pratt was here."
    assert [work.key for work in references_of([text])] == ["chen2024", "dupre2022", "shapley1953"]


def test_the_methods_of_a_unit_cite_what_they_use():
    unit = with_inference(make_unit(volume_targets((6, 6, 6), 20.0)))
    keys = {work.key for work in references_of(methods_text(unit_summary(unit, {}, "maps")))}
    assert keys == {
        "nunez2019", "dupre2022", "huth2016", "friston1996", "behzadi2007", "deheer2017", "shapley1953", "pratt1987",
        "phipson2010", "freedman1983", "nichols2002", "benjamini1995", "paszke2019",
    }  # fmt: skip


def test_no_short_name_is_part_of_another():
    shorts = [work.short for work in REFERENCES.values()]
    assert len({*shorts}) == len(shorts)
    assert not [(one, other) for one in shorts for other in shorts if one != other and one in other]


@pytest.mark.parametrize("work", REFERENCES.values(), ids=REFERENCES)
def test_a_work_is_complete(work):
    assert work.short.endswith(f", {work.year}")
    family = work.authors.split(",")[0]
    assert work.short.startswith(family)
    assert re.fullmatch(r"(10\.\d{4,}/\S+)?", work.doi)
    several = len(work.authors.split(" and "))
    assert ("et al." in work.short) == (several > 2 or work.authors.endswith("and others"))
    assert work.listed.count(str(work.year)) >= 1
    assert set(SOFTWARE.values()) <= set(REFERENCES)


def test_bibtex_has_every_key_once_and_closes_its_braces():
    text = as_bibtex()
    assert re.findall(r"^@\w+\{(\w+),$", text, re.MULTILINE) == [*REFERENCES]
    depth = 0
    for letter in text:
        depth += (letter == "{") - (letter == "}")
        assert depth >= 0
    assert depth == 0


def test_every_article_has_journal_volume_and_pages_apart():
    for work in REFERENCES.values():
        fields = work.bibtex
        assert ("\n  volume = {" in fields) == work.is_article, work.key
        assert not work.is_article or work.place.startswith(fields.partition("journal = {")[2].partition("}")[0])
