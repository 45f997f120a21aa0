"""WHAT is computed: the analysis file, typed, every default in one place, hashed and saved with the results.

Unknown keys are refused with a suggestion. The hash covers the resolved analysis and nothing of how it runs.
"""

from bids_app.analysis.loading import analysis_hash, as_yaml, load_analysis, parse_analysis, preset_names, preset_text
from bids_app.analysis.model import Analysis

__all__ = ["Analysis", "analysis_hash", "as_yaml", "load_analysis", "parse_analysis", "preset_names", "preset_text"]
