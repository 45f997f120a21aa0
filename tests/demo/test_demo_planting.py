"""Planting on made-up signals whose partition is known, and on a story of a few minutes."""

import numpy as np
import pytest

from bids_app.demo import planting
from bids_app.demo.make import noise, plan_plants, region_of
from bids_app.demo.planting import Plant, Sources, cleaned_run, explained, true_components
from bids_app.demo.sample import FMRI, GROUPS, IEEG, Grid, Story
from bids_app.demo.text import write_run
from bids_app.demo.voice import speak
from bids_app.records import Features, partition_components

N = 4000
RNG = np.random.default_rng(0)
HIDDEN = {name: RNG.normal(size=N) for name in (*GROUPS, "both", "all")}
HOLDS = {group: (group, "all", *(("both",) if group in {"speech", "language"} else ())) for group in GROUPS}
COLUMNS = {group: np.column_stack([HIDDEN[name] for name in names]) for group, names in HOLDS.items()}
UNIONS = [("speech",), ("language",), ("speech", "language"), tuple(GROUPS)]
PARTS = [component.label for component in partition_components(tuple(GROUPS)) if component.is_part]


def test_explained_is_the_adjusted_r2_of_least_squares():
    signals = HIDDEN["speech"] + HIDDEN["both"] + RNG.normal(size=N)
    found = explained(COLUMNS, UNIONS, signals[:, None])
    for union in UNIONS:
        X = np.column_stack([np.ones(N), *(COLUMNS[group] for group in union)])
        fitted = X @ np.linalg.lstsq(X, signals, rcond=None)[0]
        share = 1 - ((signals - fitted) ** 2).sum() / ((signals - signals.mean()) ** 2).sum()
        n_columns = sum(COLUMNS[group].shape[1] for group in union)
        assert found[frozenset(union)][0] == pytest.approx(1 - (1 - share) * (N - 1) / (N - n_columns - 1), abs=1e-6)


def test_explained_of_nothing_is_nothing():
    assert explained(COLUMNS, UNIONS, np.zeros((N, 1)))[frozenset(GROUPS)] == 0


def sources(kinds):
    unit_variance = {kind: signal / signal.std() for kind, signal in kinds.items()}
    return Sources(unit_variance, unit_variance, COLUMNS, np.zeros(N, dtype=int))


@pytest.mark.parametrize(
    ("latent", "component"),
    [
        ("speech", "uniqueSpeech"),
        ("semantic", "uniqueSemantic"),
        ("both", "sharedSpeechLanguage"),
        ("all", "sharedLowLevelSemanticSpeechLanguage"),
    ],
)
def test_what_a_latent_drives_is_the_component_of_its_holders(latent, component):
    kinds = dict.fromkeys(planting.KINDS, HIDDEN[latent])
    truth = true_components(
        [Plant({planting.KINDS[0]: 1.0}, 0.6)], sources(kinds), np.zeros((N, 0)), [np.ones(N, dtype=bool)]
    )
    assert list(truth) == [component.label for component in partition_components(tuple(GROUPS))]
    parts = {name: float(truth[name][0]) for name in PARTS}
    assert parts.pop(component) == pytest.approx(0.6, abs=0.01)
    assert np.abs(list(parts.values())).max() < 0.01
    assert truth["full"][0] == pytest.approx(0.6, abs=0.001)


def test_components_add_up_to_the_full_model():
    kinds = {kind: RNG.normal(size=N) + HIDDEN["both"] + HIDDEN["all"] for kind in planting.KINDS}
    plants = [Plant({kind: 1.0}, 0.5) for kind in planting.KINDS]
    truth = true_components(plants, sources(kinds), np.zeros((N, 0)), [np.ones(N, dtype=bool)])
    parts = sum(truth[name] for name in PARTS)
    np.testing.assert_allclose(parts, truth["full"], atol=1e-9)


def test_drift_is_taken_out_of_the_truth():
    drift = FMRI.drift
    slow = 5 * drift[:, :1] + RNG.normal(size=(len(drift), 1))
    cleaned = cleaned_run(slow, drift)
    assert np.abs(drift.T @ cleaned).max() < 1e-9
    assert abs(cleaned.mean()) < 1e-12


def test_noise_has_its_variance_and_autocorrelation():
    made = noise(np.random.default_rng(0), (4000, 20), 0.4)
    assert made.var() == pytest.approx(1, rel=0.03)
    assert np.mean(made[1:] * made[:-1]) == pytest.approx(0.4, abs=0.02)


def test_plants_lie_where_they_should():
    xyz = np.random.default_rng(1).uniform([-70, -70, -20], [70, 50, 40], size=(400, 3))
    plants = plan_plants(xyz, seed=0)
    assert plants == plan_plants(xyz, seed=0)
    carried = {region: set() for region in ("temporal", "posterior", "frontal", "elsewhere")}
    for place, plant in zip(xyz, plants, strict=True):
        carried[region_of(place)] |= set(plant.weights)
        assert (plant.ceiling > 0) == bool(plant.weights)
    assert carried["elsewhere"] == set()
    assert {"low_level", "speech"} <= carried["temporal"]
    assert "language" in carried["frontal"]
    assert any("shared" in kinds for kinds in carried.values())


def test_the_canonical_mean_finds_what_two_spaces_share():
    mix = np.random.default_rng(3).normal(size=(2, 3, 3))
    one = np.column_stack([HIDDEN["both"], RNG.normal(size=(N, 2))]) @ mix[0]
    other = np.column_stack([HIDDEN["both"], RNG.normal(size=(N, 2))]) @ mix[1]
    found = planting.canonical_mean(one, other, np.arange(N), 0)
    assert abs(np.corrcoef(found, HIDDEN["both"])[0, 1]) > 0.99


def test_the_own_direction_avoids_what_others_explain():
    lead = np.column_stack([HIDDEN["all"], HIDDEN["speech"]])
    weights = planting.own_direction(lead, COLUMNS["language"])
    assert abs(np.corrcoef(lead @ weights, HIDDEN["speech"])[0, 1]) > 0.99


# ------------------------------------------------------------------------------------------------ on the demo's grids
@pytest.fixture(scope="module")
def story():
    speech = speak(write_run(0, 0)[:1], 45.0)
    clicks = Features("clicks", np.ones((1, 1), np.float32), np.array([20.0]), "events", np.array([19.7]))
    return Story(speech, {"clicks": clicks})


@pytest.mark.parametrize(("grid", "stamped_s"), [(FMRI, 23.0), (IEEG, 22.7)])
def test_a_word_reaches_the_grid_at_its_stamp_plus_the_delay(grid: Grid, stamped_s, story):
    band = grid.band(story, "clicks")[:, :, 0]
    for column, delay in enumerate(grid.delays_s):
        centre = (grid.times_s * band[:, column]).sum() / band[:, column].sum()
        assert centre == pytest.approx(stamped_s + delay, abs=grid.period_s / 4)


def test_samples_used_are_those_of_the_preset(story):
    first, seconds = float(story.speech.words.onset_s[0]), len(story.speech.audio) / 16000
    used = FMRI.times_s[FMRI.used(story)]
    assert 3 + first + 20 <= used[0] < 3 + first + 20 + 1.5
    assert used[-1] <= 3 + seconds + 8
    heard = IEEG.times_s[IEEG.used(story)]
    assert heard[0] == pytest.approx(3.0, abs=0.05)


def test_drift_holds_periods_of_at_least_128_s():
    periods = 2 * FMRI.n_samples * FMRI.period_s / np.arange(1, FMRI.drift.shape[1] + 2)
    assert periods[-2] >= 128 > periods[-1]
