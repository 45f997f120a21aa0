"""The log of one run: everything, tracebacks and libraries' warnings included, in out_dir/logs."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path


@contextmanager
def open_log(folder: Path) -> Iterator[logging.Logger]:
    """A logger that writes to a file of its own in `folder`; Python warnings go there as well."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"concord_{datetime.now():%Y%m%dT%H%M%S}_{os.getpid()}.log"
    handler = logging.FileHandler(folder / name, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger, warned = logging.getLogger("concord"), logging.getLogger("py.warnings")
    logger.setLevel(logging.INFO)
    logger.propagate = warned.propagate = False
    for one in (logger, warned):
        one.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield logger
    finally:
        logging.captureWarnings(False)
        for one in (logger, warned):
            one.removeHandler(handler)
        handler.close()
