"""The one error that data cause: whoever calls encoding turns it into a message to the user, and no other."""

from __future__ import annotations


class CannotFit(ValueError):
    """The data do not allow a fit: too few samples, words or folds. Any other ValueError is a fault of the caller.

    Parameters
    ----------
    message : what is missing, in one line.
    hint : what a user may do about it.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint

    def __reduce__(self) -> tuple[type[CannotFit], tuple[str, str]]:
        return type(self), (self.message, self.hint)
