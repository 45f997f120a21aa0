"""The log of one run: everything, tracebacks and libraries' warnings included, in out_dir/logs."""

from __future__ import annotations

import logging
import logging.handlers
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from bids_app.boundary import LOGGER, bug_of
from bids_app.errors import EXPECTED

MOST_LINES = 10_000  # held back until `RunLog.keep`


class _Lines(logging.handlers.MemoryHandler):
    """Holds lines back until an error is among them, or they are asked for: a dry run leaves no file."""

    def __init__(self, path: Path) -> None:
        super().__init__(MOST_LINES, logging.ERROR)
        self.path = path
        self._file = logging.FileHandler(path, encoding="utf-8", delay=True)
        self._file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self._file.handleError = lambda record: None  # type: ignore[method-assign]  # a full disk stops no run

    def flush(self) -> None:
        """Write what was held back; where the file cannot be written, lines are lost."""
        lines, self.buffer = self.buffer, []
        if not lines:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            for line in lines:
                self._file.handle(line)
        except OSError:
            return

    def close(self) -> None:
        """Drop what is held back, which the standard handler writes, and close the file."""
        self.buffer = []
        super().close()
        self._file.close()


VERSIONS = ("torch", "transformers", "numpy", "scipy", "scikit-learn", "nibabel", "mne", "h5py", "pandas")


class RunLog:
    """One run's log. An error, and all lines before it, are written at once; other lines after `keep`."""

    def __init__(self, handler: _Lines) -> None:
        self._handler = handler

    def begin(self, command: str, program_version: str) -> None:
        """What runs where.

        Parameters
        ----------
        command : as it was typed.
        program_version : Concord's.
        """
        machine = platform.uname()
        LOGGER.info("command: %s", command)
        LOGGER.info("host: %s, %s %s, %s cores", machine.node, machine.system, machine.machine, os.cpu_count())
        versions = ", ".join(f"{name} {version(name)}" for name in VERSIONS)
        LOGGER.info("versions: Concord %s, Python %s, %s", program_version, platform.python_version(), versions)

    def also(self, say: Callable[[str], None]) -> Callable[[str], None]:
        """What says its lines in the log besides.

        Parameters
        ----------
        say : takes a line.
        """

        def both(line: str) -> None:
            LOGGER.info("%s", line)
            say(line)

        return both

    @contextmanager
    def kept_beside(self, folder: Path) -> Iterator[None]:
        """Within, whatever ends it, the log is kept where the folder is there at the end: it is not made for the log.

        Parameters
        ----------
        folder : out_dir.
        """
        try:
            yield
        except (*EXPECTED, KeyboardInterrupt) as error:
            LOGGER.warning("ended: %s", str(error) or type(error).__name__)
            raise
        finally:
            if folder.is_dir():
                self.keep()

    def keep(self) -> None:
        """Write all lines from now on, and those held back: out_dir is there."""
        self._handler.capacity = 1
        self._handler.flush()


@contextmanager
def open_log(folder: Path, program: str = "concord") -> Iterator[RunLog]:
    """Log to a file of its own; Python warnings go there as well.

    Parameters
    ----------
    folder : of the file, made when there is a line to write.
    program : what the file's name begins with.

    Raises
    ------
    Bug : for what is raised inside and is not expected, when its traceback is in the log.
    """
    handler = _Lines(folder / f"{program}_{datetime.now():%Y%m%dT%H%M%S}_{os.getpid()}.log")
    warned = logging.getLogger("py.warnings")
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = warned.propagate = False
    for logger in (LOGGER, warned):
        logger.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield RunLog(handler)
    except EXPECTED:
        raise
    except Exception as error:
        raise bug_of(error) from error
    finally:
        logging.captureWarnings(False)
        for logger in (LOGGER, warned):
            logger.removeHandler(handler)
        handler.close()
