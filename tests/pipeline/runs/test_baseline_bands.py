"""Bands of the baseline: which can be had, and what they are called."""

from dataclasses import replace
from types import SimpleNamespace

from bids_app.features import registry
from bids_app.outputs.wording.controls import baseline_words, left_out_of_baseline
from bids_app.pipeline.runs.baseline_bands import common_baseline, plan_baseline
from bids_app.records import ControlsProvenance

EXTRA = replace(registry.KINDS["word_rate"], kind="click_rate", baseline_label="rate of clicks")


def plan(spaces, left_out):
    """The baseline of one recording of electrodes whose stimulus lacks `left_out`."""
    library = SimpleNamespace(lacking=lambda recording, event: left_out)
    settings = SimpleNamespace(baseline_spaces=spaces, library=library, modality="ieeg")
    return plan_baseline(settings, [SimpleNamespace(recording=SimpleNamespace(stimuli=["story"]))])


def words(baseline):
    made = ControlsProvenance(baseline, "not asked for", ())
    return baseline_words(made), left_out_of_baseline(made)


def test_words_of_a_baseline_band_are_those_of_its_family(monkeypatch):
    monkeypatch.setattr(registry, "KINDS", {**registry.KINDS, "click_rate": EXTRA})
    spaces = ("word_rate", "envelope", "click_rate", "motion")
    no_motion = {"head motion": "electrodes do not move with the head"}
    assert words(plan(spaces, {})) == (["word rate", "envelope", "rate of clicks"], no_motion)
    lacking = {"baseline_click_rate": "no clicks"}
    assert words(plan(spaces, lacking)) == (["word rate", "envelope"], {"rate of clicks": "no clicks", **no_motion})


def test_a_mean_of_participants_calls_its_bands_the_same():
    plans = [plan(("word_rate", "envelope"), {}), plan(("word_rate", "envelope"), {"baseline_envelope": "no sound"})]
    assert words(common_baseline(plans)) == (["word rate"], {"envelope": "no sound"})
