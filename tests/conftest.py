"""The order of tests: files of the whole program first. They are the longest, and must not be alone at the end."""

from pathlib import Path

from hypothesis import settings

settings.register_profile("no_deadline", deadline=None)  # a slow or busy machine fails no property
settings.load_profile("no_deadline")

FIRST = ("pipeline", "cli", "encoding")  # folders, the longest files first


def pytest_collection_modifyitems(items):
    def place(item):
        folder = Path(item.path).relative_to(Path(__file__).parent).parts[0]
        return FIRST.index(folder) if folder in FIRST else len(FIRST)

    items.sort(key=place)  # a stable sort: the rest stays in the order of the names
