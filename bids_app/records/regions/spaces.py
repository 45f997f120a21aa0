"""Which spaces mean the same place in everybody, and which of them are near enough to stand for each other."""

from __future__ import annotations

STANDARD_SPACES = ("MNI", "fsaverage", "fsLR", "ICBM", "Talairach", "tpl-")
NEAR = ("MNI152", "fsaverage")  # templates of one family: some millimetres apart, or meshes of one sphere
UNSAID = {"MNI": "MNI152"}  # what a file may say without saying which of the family


def is_standard(space: str) -> bool:
    """Whether coordinates in `space` are comparable between participants."""
    return space.startswith(STANDARD_SPACES)


def are_near(one: str, other: str) -> bool:
    """Whether two spaces are of one family of templates.

    Parameters
    ----------
    one, other : labels of spaces.
    """
    both = UNSAID.get(one, one), UNSAID.get(other, other)
    return any(all(space.startswith(family) for space in both) for family in NEAR)
