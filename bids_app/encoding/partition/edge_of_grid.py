"""Where the grid of penalties may cut off what is predicted."""

from __future__ import annotations

from bids_app.records import Fit

EDGE_SHARE = 0.1  # of folds × predicted targets with alpha at the grid's end, above which the user is warned
EDGE_OF_PARTS = (
    "do not conclude from p of shared parts that spaces share anything; do not compare parts; widen fit.alphas"
)
EDGE_OF_ONE = (
    "another penalty might predict more, so do not compare its R² with that of other models; widen fit.alphas"
)


def edge_of_grid_warnings(fit: Fit) -> tuple[str, ...]:
    """A warning where alpha lies at an end of its grid in many folds of predicted targets, else none.

    The largest alpha means no prediction, which is right for noise, so only targets that are predicted count. Of a
    single feature group there are no parts to speak of.

    Parameters
    ----------
    fit : of every union of a partition.
    """
    predicted = fit.rsquared[-1] > 0
    share = float(fit.at_edge[-1][predicted].mean()) if predicted.any() else 0.0
    if share <= EDGE_SHARE:
        return ()
    where = f"alpha lies at an end of its grid in {share:.0%} of the folds of targets that are predicted"
    return (f"{where}: {EDGE_OF_PARTS if len(fit.unions) > 1 else EDGE_OF_ONE}",)
