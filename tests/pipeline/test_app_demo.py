"""The demo through the command line: planted truth comes back, the output is BIDS, a rerun repeats it."""

import csv
import hashlib
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from acceptance import FEWEST, SPREAD, recovery
from report_text import report_text
from written_units import read_units

from bids_app import outputs
from bids_app.cli.concord import main
from bids_app.demo import make_demo
from bids_app.demo.sample import GROUPS, SPECS
from bids_app.settings.load import load_analysis

pytestmark = pytest.mark.long
SPACES = [("fmri", "MNI152NLin2009cAsym"), ("fmri", "fsaverage5"), ("ieeg", "MNI152NLin2009cAsym")]
DOCS = Path(__file__).parents[2] / "docs"
CHANGING = {"logs", "status.tsv", "status.json"}  # where durations and memory stand; reports have one section of them


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    make_demo(folder)
    assert run(folder, "out") == 0
    return folder


def run(folder, out, *more):
    command = [str(folder / "bids"), str(folder / out), "participant", "group", "--analysis", "demo"]
    return main([*command, "--model-dir", str(folder / "models"), "--offline", *more])


def planted(folder):
    table = defaultdict(lambda: defaultdict(dict))
    with (folder / "truth.tsv").open() as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            key = row["participant"].removeprefix("sub-"), row["modality"], row["space"]
            table[key][row["component"]][row["target"]] = float(row["rsquared"])
    return table


def pairs(folder, out, modality, space):
    """{component: (planted, recovered)} over all people of one modality and space."""
    truth, found = planted(folder), defaultdict(lambda: ([], []))
    for unit in read_units(folder / out, outputs.participants_of(folder / out)):
        if (unit.modality, unit.targets.space) != (modality, space):
            continue
        mine = truth[unit.participant, modality, space]
        for component, stats in unit.partition.values.items():
            for name, value in zip(unit.targets.names, stats["rsquared"], strict=True):
                if name in mine[component]:
                    found[component][0].append(mine[component][name])
                    found[component][1].append(value)
    return {name: (np.array(true), np.array(got)) for name, (true, got) in found.items()}


def failures(both):
    """Components that miss the acceptance, in words."""
    found = recovery({c: t for c, (t, _) in both.items()}, {c: g for c, (_, g) in both.items()})
    lines = []
    for name, one in found.items():
        judged = one.n > 2 and one.spread > SPREAD
        few = 0 < one.n < FEWEST  # their slope is known to twice its standard error: their errors are judged too
        allowed = max(0.02, one.planted / 10) if few and judged else one.error_allowed
        within = 2 * one.slope_error if few else 0.0
        if one.error > allowed:
            lines.append(f"{name}: error {one.error:.3f} > {allowed:.3f}")
        if judged and not 0.7 - within <= one.slope <= 1.1 + within:
            lines.append(f"{name}: slope {one.slope:.2f} ± {one.slope_error:.3f}")
        if judged and one.r < 0.9:
            lines.append(f"{name}: r {one.r:.2f}")
        if one.noise > 0.01:
            lines.append(f"{name}: {one.noise:.3f} on noise")
    return lines


@pytest.mark.parametrize(("modality", "space"), SPACES)
def test_planted_truth_comes_back(demo, modality, space):
    both = pairs(demo, "out", modality, space)
    assert failures(both) == []
    assert (both["full"][0] > 0.1).sum() > 20


def test_two_swapped_spaces_do_not_pass(demo):
    both = pairs(demo, "out", *SPACES[0])
    swapped = {**both, "uniqueSpeech": (both["uniqueSpeech"][0], both["uniqueLanguage"][1])}
    assert any(line.startswith("uniqueSpeech") for line in failures(swapped))


def test_all_zero_maps_do_not_pass(demo):
    both = pairs(demo, "out", *SPACES[0])
    assert failures({name: (true, np.zeros_like(got)) for name, (true, got) in both.items()})


def test_a_delay_wrong_by_one_tr_does_not_pass(demo, tmp_path):
    text = load_preset_with("delays_s: [2, 4, 6, 8]", "delays_s: [0.5, 2.5]")
    (tmp_path / "wrong.yaml").write_text(text)
    command = [str(demo / "bids"), str(demo / "wrong"), "participant", "--participant-label", "01"]
    command += ["--space", "MNI152NLin2009cAsym", "--modality", "fmri", "--analysis", str(tmp_path / "wrong.yaml")]
    assert main([*command, "--model-dir", str(demo / "models"), "--offline"]) == 0
    assert failures(pairs(demo, "wrong", *SPACES[0]))


def load_preset_with(old, new):
    from bids_app.settings.load import preset_text

    text = preset_text("demo")
    assert old in text
    return text.replace(old, new)


def test_the_output_is_bids(demo):
    validator = Path(sys.executable).parent / "bids-validator-deno"
    done = subprocess.run([str(validator), str(demo / "out")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def digests(folder):
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] not in CHANGING and path.suffix != ".html"
    }


def test_two_runs_write_the_same_bytes(demo):
    assert run(demo, "again") == 0
    first, second = digests(demo / "out"), digests(demo / "again")
    assert [str(name) for name in first if first[name] != second.get(name)] == []
    assert first.keys() == second.keys()
    shutil.rmtree(demo / "again")


def test_the_report_shows_recovered_beside_planted_and_names_stand_ins(demo):
    text = report_text(demo / "out" / "sub-01.html")
    assert "Recovered beside planted" in text
    assert "untrained" in text.lower()


@pytest.mark.parametrize("page", ["start.md", "outputs.md"])
def test_snippets_of_the_docs_run(demo, page):
    snippets = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)
    assert snippets
    for snippet in snippets:
        code = snippet.replace("demo/out", str(demo / "out"))
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip()


def test_the_tree_of_the_docs_is_there(demo):
    text = (DOCS / "outputs.md").read_text(encoding="utf-8").partition("```text\n")[2].partition("```")[0]
    above, found = [], 0
    for indent, name in re.findall(r"^([│├└─ ]*)(\S+)", text, re.MULTILINE):
        above[len(indent) // 4 :] = [name.replace("…", "*").rstrip("/")]
        if len(above) > 1:
            assert list(demo.glob("/".join(above))), "/".join(above)
            found += 1
    assert found > 30


def test_a_story_sounds_the_same_in_every_making(demo):
    again = "import soundfile; from bids_app.demo.make import DEMO_SEED, RATE_HZ"
    again += "; from bids_app.demo.sample import narrate"
    again += "; soundfile.write('again.wav', narrate(DEMO_SEED, 3).audio, RATE_HZ, subtype='PCM_16')"
    subprocess.run([sys.executable, "-c", again], cwd=demo, check=True)
    assert (demo / "again.wav").read_bytes() == (demo / "bids" / "stimuli" / "story4.wav").read_bytes()


def test_making_it_again_keeps_a_complete_one(demo):
    stamp = (demo / "truth.tsv").stat().st_mtime_ns
    make_demo(demo)
    assert (demo / "truth.tsv").stat().st_mtime_ns == stamp


def test_the_preset_and_the_planted_spaces_are_the_same():
    analysis, _ = load_analysis("demo")
    assert {name: spec.pca for name, spec in analysis.feature_specs(None).items()} == {s.name: s.pca for s in SPECS}
    for spec in SPECS:
        mine = analysis.feature_specs(None)[spec.name]
        assert (mine.kind, dict(mine.options)) == (spec.kind, dict(spec.options))
    assert analysis.groups == GROUPS
