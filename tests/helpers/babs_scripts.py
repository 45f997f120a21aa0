"""Run by a Python that has BABS: `babs_scripts.py CONFIG TO` writes the scripts that it makes of a configuration."""

import sys
import warnings
from pathlib import Path

import yaml

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from babs.container import Container
    from babs.input_datasets import InputDatasets
    from babs.system import System

NAME = "bids-concord-0-1-0"


def main(config: str, to: str) -> None:
    warnings.simplefilter("error")  # of keys that BABS does not know
    container = Container("containers", NAME, config)
    inputs = InputDatasets("subject", yaml.safe_load(Path(config).read_text())["input_datasets"])
    inputs.update_abs_paths(Path("analysis"))
    container.generate_bash_run_bidsapp(f"{to}/run.sh", inputs, "subject")
    container.generate_bash_participant_job(f"{to}/job.sh", inputs, "subject", System("slurm"))


if __name__ == "__main__":
    main(*sys.argv[1:])
