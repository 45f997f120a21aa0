"""Results and labels → regions: arrays alone, whatever files they came from."""

from bids_app.regions.place import FURTHEST_MM, note_on, place, why_not
from bids_app.regions.scores import means_by_region, region_scores, scores_of

__all__ = ["FURTHEST_MM", "means_by_region", "note_on", "place", "region_scores", "scores_of", "why_not"]
