"""Which spaces mean the same place in everybody, and which of them are near enough to stand for each other."""

from __future__ import annotations

STANDARD_SPACES = ("MNI", "fsaverage", "fsLR", "ICBM", "Talairach", "tpl-")
NEAR = ("MNI152", "fsaverage")  # templates of one family: some millimetres apart, or meshes of one sphere


def is_standard(space: str) -> bool:
    """Whether coordinates in `space` are comparable between participants."""
    return space.startswith(STANDARD_SPACES)


def are_near(one: str, other: str) -> bool:
    """Whether two spaces are of one family of templates.

    Parameters
    ----------
    one, other : labels of spaces.
    """
    return any(one.startswith(family) and other.startswith(family) for family in NEAR)
