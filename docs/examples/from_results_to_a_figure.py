"""From an OUT_DIR to a figure: what each feature space explains of every participant, and where.

Run it as `python docs/examples/from_results_to_a_figure.py OUT_DIR FIGURE.png`.
"""

import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from nilearn import plotting
from nilearn.image import math_img

import bids_app as concord

MOST_PARTS = 6  # the largest are shown
SHOWN_ABOVE = 0.02  # R² on the brain
BAR, DOT = "#56b4e9", "#1d2733"


def main(out_dir: str, figure_path: str) -> None:
    """Draw the figure of an OUT_DIR with fMRI volumes."""
    results = concord.open(out_dir)
    space = next(unit.space for unit in results.units if unit.kind == "volume")  # fMRI volumes, of several kinds

    # One row a participant and part: the mean over voxels of held-out R², which is signed.
    scores = results.scores().query(
        "space == @space and targets_kind == 'volume' and stat == 'rsquared' and targets == 'usable'"
        " and kind in ('unique', 'shared')"
    )
    means = scores.pivot_table(index="component", columns="participant", values="mean")
    means = means.loc[means.mean(axis=1).sort_values(ascending=False).index[:MOST_PARTS]][::-1]

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), width_ratios=[1, 1.15], layout="constrained")
    left.barh(means.index, means.mean(axis=1), color=BAR, height=0.6, label="mean of participants")
    for number, participant in enumerate(means):
        label = "one participant" if number == 0 else None
        left.plot(means[participant], means.index, "o", color=DOT, ms=4, alpha=0.7, label=label)
    left.axvline(0, color=DOT, lw=0.8)
    left.set_xlabel("mean R² over voxels (held out)")
    left.spines[["top", "right"]].set_visible(False)
    left.legend(frameon=False, fontsize=8, loc="lower right")

    # The largest part of the first participant, as an image of nibabel: any tool of the field takes it.
    part, participant = means.index[-1], results.participants[0]
    image = results.map(participant, part, "rsquared", space=space)
    right.set_title(f"{part}, sub-{participant}: R² above {SHOWN_ABOVE}", loc="left", fontsize=10)
    right.axis("off")
    shown = math_img(f"np.where(img > {SHOWN_ABOVE}, img, 0)", img=image)  # NaN, outside of the mask, is not above
    plotting.plot_glass_brain(shown, axes=right, display_mode="xz", cmap="viridis", threshold=1e-6, vmin=0)
    figure.savefig(figure_path, dpi=110)

    # What the reports say, with the numbers that it rests on.
    findings = results.findings(participant).query("topic in ('component', 'models')")
    print(*findings.finding, sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
