"""Features of one's own into an analysis: the level of the sound, made here, beside the rate of words.

Run it as `python docs/examples/own_features_into_an_analysis.py BIDS_DIR WORK_DIR FIGURE.png [options of concord]`.
"""

import subprocess
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import soundfile

import bids_app as concord

RATE_HZ = 10  # rows of our feature a second
ANALYSIS = f"""\
name: level
features:
  level: {{kind: file, path: "{{stem}}_level.npy", rate_hz: {RATE_HZ}}}
  words: {{kind: word_rate}}
response: {{fmri: {{confounds: motion}}}}
fit: {{alphas: [1.0e-2, 1.0e+6, 9]}}
inference: {{permutations: 0}}
"""
LEVEL, WORDS = "#0072b2", "#d55e00"


def level_db(path: Path) -> np.ndarray:
    """(n_times, 1) the sound's level in decibels; row k, at k / RATE_HZ, knows the tenth of a second before."""
    sound, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    power = np.square(sound.mean(axis=1))
    size = round(rate_hz / RATE_HZ)
    windows = power[: len(power) // size * size].reshape(-1, size).mean(axis=1)
    return 10 * np.log10(np.concatenate([[1e-6], windows]) + 1e-6)[:, None]


def main(bids_dir: str, work_dir: str, figure_path: str, *options: str) -> None:
    """Make the features, run the analysis that names them, and draw what they predict."""
    sounds, work = sorted(Path(bids_dir, "stimuli").glob("*.wav")), Path(work_dir)
    work.mkdir(parents=True, exist_ok=True)
    for sound in sounds:
        np.save(work / f"{sound.stem}_level.npy", level_db(sound).astype(np.float32))
    (work / "analysis.yaml").write_text(ANALYSIS, encoding="utf-8")
    command = [sys.executable, "-m", "bids_app", bids_dir, str(work / "out"), "participant"]
    subprocess.run([*command, "--analysis", str(work / "analysis.yaml"), "-q", *options], check=True)

    results = concord.open(work / "out")
    scores = results.scores().query("stat == 'rsquared' and targets == 'usable' and kind in ('alone', 'unique')")
    print(scores[["participant", "space", "component", "mean"]].to_string(index=False))

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3), width_ratios=[1.5, 1], layout="constrained")
    # Both features as the analysis had them: ours read back from OUT_DIR, words made again from the sound's files.
    ours, words = results.features(sounds[0].stem, "level"), concord.extract(sounds[0], "word_rate")
    left.plot(ours.times_s, ours.values[:, 0], color=LEVEL, lw=1)
    left.plot(words.onsets_s, np.full(len(words.onsets_s), ours.values.max() + 3), "|", color=WORDS, ms=8)
    left.set(xlim=(0, 20), xlabel=f"time in {sounds[0].name} (s)", ylabel="level (dB)")
    left.text(20, ours.values.max() + 5, "word onsets", color=WORDS, ha="right", va="bottom", fontsize=9)

    table = scores.pivot_table(index="component", columns="participant", values="mean")
    names = {"level": "level", "words": "words", "uniqueLevel": "only\nlevel", "uniqueWords": "only\nwords"}
    for number, (component, name) in enumerate(names.items()):
        colour = LEVEL if "evel" in name else WORDS
        right.bar(number, table.loc[component].mean(), color=colour, width=0.6, alpha=1 if number < 2 else 0.55)
        right.plot(np.full(table.shape[1], number), table.loc[component], "o", color="#1d2733", ms=4)
    right.axhline(0, color="#1d2733", lw=0.8)
    right.set(xticks=range(len(names)), xticklabels=names.values(), ylabel="mean R² (held out)")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(figure_path, dpi=110)


if __name__ == "__main__":
    main(*sys.argv[1:])
