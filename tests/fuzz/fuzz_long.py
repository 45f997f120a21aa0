"""`make fuzz`: parsers and whole data sets in turn, at random, until FUZZ_SECONDS are over; finds go to a folder."""

import argparse
import json
import logging
import random
import re
import sys
import tempfile
import time
import warnings
from collections import Counter
from contextlib import suppress
from pathlib import Path

from fuzz_parsers import PARSERS, drawn_for, fault_of
from fuzz_samples import make_samples
from fuzz_spoil import Spoiling
from fuzz_studies import Case, add_models, cases, faults_of, make_fuzz_study
from fuzz_studies import concord as run_study
from hypothesis import HealthCheck, Phase, given, seed, settings
from quick_study import quick_runs

BATCH = 20
MOST, SHARE = "dataset:whole recordings", 20  # it reads most, and is drawn as often as twenty others
PLACE = re.compile(r"\S*[/\d]\S*|^\S+: ")  # paths, numbers, and where it was said
DRAWN = settings(
    max_examples=BATCH, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)


def fewer(case, fails):
    """The same case without the spoilings that its fault does not need."""
    for at in reversed(range(len(case.spoilings))):
        rest = case._replace(spoilings=case.spoilings[:at] + case.spoilings[at + 1 :])
        if rest.spoilings and fails(rest):
            case = rest
    return case


class Tally:
    """Counts of what was run and found; each find, made small, in a file of its own."""

    def __init__(self, finds):
        self.counts, self.kinds, self.finds = Counter(), Counter(), finds
        self.seen = set()
        finds.mkdir(parents=True, exist_ok=True)

    def keep(self, kind, what, content):
        self.kinds[kind] += 1
        mark = kind, PLACE.sub("", what)[:120]
        if mark in self.seen:
            return
        self.seen.add(mark)
        path = self.finds / f"{len(self.seen):03d}-{kind}.json"
        path.write_text(json.dumps({"what": what, **content}, indent=1) + "\n")
        print(f"find: {kind}: {what[:300]!r}: {path}", flush=True)


def fuzz_studies(tally, pristine, scratch, number):
    drawn = cases(pristine)
    name = random.Random(number).choice(["own", "own", "own", "shared", "results", *drawn])

    @seed(number)
    @DRAWN
    @given(drawn[name])
    def one(case):
        tally.counts["data sets"] += 1
        found = faults_of(case, pristine, scratch)
        for kind, what in found:
            small = fewer(case, lambda rest, kind=kind: any(k == kind for k, _ in faults_of(rest, pristine, scratch)))
            tally.keep(kind, what, small.plain())

    one()


def fuzz_parsers(tally, samples, scratch, number):
    parser = random.Random(number).choice([*sorted(PARSERS), *[MOST] * SHARE])

    @seed(number)
    @DRAWN
    @given(drawn_for(parser, samples))
    def one(drawn):
        tally.counts["files"] += 1
        fault = fault_of(parser, drawn, samples, scratch)
        if fault:
            sample, spoilings = drawn
            tally.keep(
                "parser",
                f"{parser}: {fault}",
                {"parser": parser, "sample": sample, "spoilings": [*map(list, spoilings)]},
            )

    one()


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--finds", type=Path, default=Path("fuzz-finds"))
    parser.add_argument("--replay", type=Path, help="a file of finds: what is in it is done again")
    parser.add_argument("--only", choices=["studies", "parsers"])
    given = parser.parse_args(arguments)
    warnings.simplefilter("error")
    logging.getLogger("concord").addHandler(logging.NullHandler())
    with tempfile.TemporaryDirectory() as folder, quick_runs():
        pristine, samples = make_fuzz_study(Path(folder, "pristine")), make_samples(Path(folder, "samples"))
        add_models(pristine)
        assert run_study(pristine)[0] == 0
        if given.replay:
            return replay(json.loads(given.replay.read_text()), pristine, samples, Path(folder))
        tally, began = Tally(given.finds), time.monotonic()
        with suppress(KeyboardInterrupt):  # what was done until then is told
            fuzz(tally, pristine, samples, Path(folder), began + given.seconds, given.only)
    print(f"{time.monotonic() - began:.0f} s: {dict(tally.counts)}; finds {dict(tally.kinds)}, "
          f"{len(tally.seen)} unlike each other, in {given.finds}")  # fmt: skip
    return int(bool(tally.seen))


def fuzz(tally, pristine, samples, scratch, ends, only):
    """Batches with a seed each, until the time is over: four of parsers, one of data sets."""
    number = random.SystemRandom().randrange(10**9)
    while time.monotonic() < ends:
        for turn in range(5):
            number += 1
            if turn < 4 and only != "studies":
                fuzz_parsers(tally, samples, scratch, number)
            if turn == 4 and only != "parsers":
                fuzz_studies(tally, pristine, scratch, number)


def replay(content, pristine, samples, folder):
    if "parser" in content:
        drawn = content["sample"], [Spoiling.of(one) for one in content["spoilings"]]
        found = fault_of(content["parser"], drawn, samples, folder)
    else:
        found = faults_of(Case.of(content), pristine, folder)
    print(found)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
