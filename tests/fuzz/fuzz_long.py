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
from pathlib import Path

from fuzz_studies import Case, cases, faults_of, make_fuzz_study, quick_runs
from fuzz_studies import concord as run_study
from hypothesis import HealthCheck, Phase, given, seed, settings

BATCH = 20
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
    from fuzz_parsers import PARSERS, drawn_for, fault_of

    parser = random.Random(number).choice(sorted(PARSERS))

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
    parser.add_argument("--replay", type=Path, help="a file of finds")
    parser.add_argument("--only", choices=["studies", "parsers"])
    given = parser.parse_args(arguments)
    warnings.simplefilter("error")
    logging.getLogger("concord").addHandler(logging.NullHandler())
    with tempfile.TemporaryDirectory() as folder, quick_runs():
        pristine = make_fuzz_study(Path(folder, "pristine"))
        run_study(pristine)
        if given.replay:
            return replay(json.loads(given.replay.read_text()), pristine, Path(folder))
        from fuzz_samples import make_samples

        samples = make_samples(Path(folder, "samples"))
        tally, ends = Tally(given.finds), time.monotonic() + given.seconds
        start = random.SystemRandom().randrange(10**9)
        while time.monotonic() < ends:
            start += 1
            if given.only != "studies":
                for _ in range(4):
                    start += 1
                    fuzz_parsers(tally, samples, Path(folder), start)
            if given.only != "parsers":
                fuzz_studies(tally, pristine, Path(folder), start)
    print(
        f"{given.seconds:.0f} s: {dict(tally.counts)}; finds {sum(tally.kinds.values())} {dict(tally.kinds)}, "
        f"{len(tally.seen)} of them unlike each other, in {given.finds}"
    )
    return int(bool(tally.seen))


def replay(content, pristine, folder):
    if "parser" in content:
        from fuzz_parsers import fault_of
        from fuzz_samples import make_samples
        from fuzz_spoil import Spoiling

        drawn = content["sample"], [Spoiling.of(one) for one in content["spoilings"]]
        found = fault_of(content["parser"], drawn, make_samples(folder / "samples"), folder)
    else:
        found = faults_of(Case.of(content), pristine, folder)
    print(found)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
