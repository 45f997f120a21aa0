"""The boundary: whatever is raised within goes no further, and is one line."""

import logging

import pytest

from bids_app.boundary import LOGGER, boundary, known_error
from bids_app.errors import Bug, DataError, OutOfMemory, ReadWriteError, printable


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (DataError("what", "where"), DataError),
        (MemoryError(), OutOfMemory),
        (PermissionError(13, "Permission denied", "x"), ReadWriteError),
        (RecursionError("deep"), Bug),
        (ValueError("a\nb"), Bug),
        (StopIteration(), Bug),
        (KeyError("\x1b[31m"), Bug),
    ],
)
def test_whatever_is_raised_goes_no_further(error, kind):
    lost = []
    with boundary(lost.append):
        raise error
    assert type(lost[0]) is kind
    assert "\n" not in str(lost[0])
    assert str(lost[0]).isprintable()


def test_a_real_recursion_goes_no_further():
    def deeper():
        return deeper()

    lost = []
    with boundary(lost.append):
        deeper()
    assert "RecursionError" in str(lost[0])


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_interrupts_go_through(error):
    with pytest.raises(error), boundary(print):
        raise error


def test_what_it_returns_or_does_is_as_without_it():
    def answer():
        with boundary(print):
            return 1

    assert answer() == 1


def test_a_log_that_cannot_be_written_changes_nothing(monkeypatch):
    class Full(logging.Handler):
        def emit(self, record):
            raise MemoryError

    handler = Full()
    LOGGER.addHandler(handler)
    try:
        assert isinstance(known_error(MemoryError()), OutOfMemory)
        assert isinstance(known_error(ValueError("x")), Bug)
    finally:
        LOGGER.removeHandler(handler)


def test_what_functions_held_is_let_go():
    import gc
    import weakref

    class Large:
        pass

    kept = []

    def reads():
        one = Large()
        kept.append(weakref.ref(one))
        raise ValueError("x")

    lost = []
    with boundary(lost.append):
        reads()
    gc.collect()
    assert kept[0]() is None


@pytest.mark.parametrize("text", ["a\nb\tc", "\x1b[31mred", "caf\u00e9", "\udce9", "\0", "a" * 10])
def test_any_text_is_a_line_that_can_be_written(text):
    line = printable(text)
    assert line.isprintable()
    line.encode("utf-8")
