"""A report as its reader sees it."""

import html
import re


def report_page(path):
    """The page without its list of terms and the links to it: no sentence has a tag inside."""
    page = path.read_text(encoding="utf-8").partition('<section id="terms">')[0]
    return re.sub(r'<a class="term"[^>]*>([^<]*)</a>', r"\1", page)


def report_text(path):
    """Its sentences: tags out, white space to single spaces."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", report_page(path))))
