"""Arrays of one's own to a partition: two feature spaces that share a signal, and six responses with known parts.

Run it as `python docs/examples/own_arrays_to_a_partition.py FIGURE.png`.
"""

import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import bids_app as concord

TR, RUNS, SAMPLES = 2.0, 6, 200
#            what only speech explains, what only language explains, what both share: parts of the variance
PLANTED = np.array([(0.3, 0, 0), (0, 0.3, 0), (0, 0, 0.3), (0.15, 0.15, 0), (0.1, 0.1, 0.2), (0, 0, 0)])
PARTS = {"uniqueSpeech": "only speech", "uniqueLanguage": "only language", "sharedSpeechLanguage": "shared"}
COLOURS = ("#0072b2", "#d55e00", "#7c8794")  # after Okabe and Ito


def simulated() -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Two spaces of five columns with one in common, responses 4 s later, and the run of each sample."""
    rng = np.random.default_rng(0)
    n_times = RUNS * SAMPLES
    own = {name: rng.normal(size=(n_times, 4)) for name in ("speech", "language")}
    common = rng.normal(size=(n_times, 1))
    spaces = {name: np.hstack([values, common]) for name, values in own.items()}
    signals = np.hstack([own["speech"][:, :1], own["language"][:, :1], common])
    late = np.roll(signals, round(4 / TR), axis=0)
    noise = rng.normal(size=(n_times, len(PLANTED))) * np.sqrt(1 - PLANTED.sum(axis=1))
    return spaces, late @ np.sqrt(PLANTED.T) + noise, np.repeat(np.arange(RUNS), SAMPLES)


def main(figure_path: str) -> None:
    """Partition the simulated responses, and draw what was planted beside what is found."""
    spaces, responses, runs = simulated()
    parts = concord.partition(spaces, responses, runs, period_s=TR, delays_s=(2, 4, 6))

    # One row a component and target: R², p, family-wise p, q, and the ends of the 95 % confidence interval.
    print(parts[parts.component == "sharedSpeechLanguage"][["target", "rsquared", "p", "ci025", "ci975"]])
    print(*parts.attrs["warnings"], sep="\n")

    figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
    for number, (part, name) in enumerate(PARTS.items()):
        rows = parts[parts.component == part]
        at = rows.target + 0.22 * (number - 1)
        half = np.abs(rows[["ci025", "ci975"]].to_numpy().T - rows.rsquared.to_numpy())
        axes.errorbar(at, rows.rsquared, half, fmt="o", ms=5, color=COLOURS[number], label=name)
        axes.plot(at, PLANTED[:, number], "_", ms=13, mew=1.5, color="black", label=None if number else "planted")
    axes.axhline(0, color="black", lw=0.6)
    axes.set(xlabel="response", ylabel="part of R² (held out)", xticks=range(len(PLANTED)))
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(*axes.get_legend_handles_labels(), frameon=False, loc="outside upper center", ncols=4)
    figure.savefig(figure_path, dpi=110)


if __name__ == "__main__":
    main(*sys.argv[1:])
