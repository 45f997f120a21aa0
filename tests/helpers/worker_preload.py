"""Read by dask workers of tests as they begin: brains are texts, as in `quick_study.plain_brains`; and where $KILL_AT
names a file, the worker kills itself before a file of this name takes it. Where $KILLED names a file, once: it is
made then. $BLOCK_WIDTH are targets of a block."""

import os
import signal
import time
from pathlib import Path

from distributed import get_worker
from quick_study import plain_brains

from bids_app.disk import replace
from bids_app.encoding.ridge import batches
from bids_app.pipeline.cluster.telling import Line, Outcome

patched = plain_brains()


def address_there(desk, order, post):
    """Work that says who has done it."""
    time.sleep(0.1)
    return Outcome(said=(Line(get_worker().address),))


def dask_setup(worker):
    patched.__enter__()
    batches.BLOCK_WIDTH["cpu"] = int(os.environ.get("BLOCK_WIDTH", batches.BLOCK_WIDTH["cpu"]))
    wanted, killed = os.environ.get("KILL_AT"), os.environ.get("KILLED")
    plain = replace.rename

    def rename(part, path):
        if path.name == wanted and not (killed and Path(killed).exists()):
            if killed:
                Path(killed).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        plain(part, path)

    if wanted:
        replace.rename = rename
