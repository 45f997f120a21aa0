"""The participants' mean response: against numpy, with gaps, and refused where participants did not hear the same."""

from dataclasses import replace

import numpy as np
import pytest

from bids_app import encoding
from bids_app.errors import DataError
from bids_app.group import average_participants, match_participants, require_same_features
from bids_app.records import Run

TIMES = np.arange(30) * 2.0


def run(seed, times=TIMES, stimuli=("a.wav",), label="sub-01_task-story_run-1_bold", shift=0.0):
    rng = np.random.default_rng(seed)
    band = np.sin(0.1 * (times + shift))[:, None, None] * np.ones((1, 2, 3))
    return Run(label, {"rate": band}, 5 + 3 * rng.normal(size=(len(times), 4)), times, stimuli)


def zscored(Y):
    with np.errstate(invalid="ignore"):
        return (Y - Y.mean(axis=0)) / Y.std(axis=0)


def averaged(participants):
    """Means and counts, each run read when it is asked for."""
    return average_participants(match_participants(participants), lambda who, number: participants[who][number].Y)


def close(found, expected):
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_mean_of_z_scores():
    participants = [[run(0)], [run(1)], [run(2)]]
    (mean,), n_participants = averaged(participants)
    close(mean.Y, np.mean([zscored(one.Y) for (one,) in participants], axis=0))
    np.testing.assert_array_equal(mean.times_s, TIMES)
    assert mean.label == "task-story_run-1_bold"
    assert mean.stimuli == ("a.wav",)
    np.testing.assert_array_equal(mean.bands["rate"], participants[0][0].bands["rate"])
    assert n_participants.tolist() == [3, 3, 3, 3]


def test_dead_targets_are_left_out_of_that_persons_share():
    participants = [[run(0)], [run(1)], [run(2)]]
    participants[1][0].Y[:, 2] = np.nan
    participants[2][0].Y[:, 3] = 7.0
    participants[0][0].Y[5, 0] = np.nan
    for one in participants:
        one[0].Y[:, 1] = 0.0
    (mean,), n_participants = averaged(participants)
    close(mean.Y[:, 2], np.mean([zscored(participants[n][0].Y)[:, 2] for n in (0, 2)], axis=0))
    close(mean.Y[:, 0], np.mean([zscored(participants[n][0].Y)[:, 0] for n in (1, 2)], axis=0))
    assert np.isnan(mean.Y[:, 1]).all()
    assert n_participants.tolist() == [2, 0, 2, 2]


def test_only_samples_that_all_have():
    short = run(1, TIMES[3:25] + 4e-7)  # the same times but for rounding
    (mean,), _ = averaged([[run(0)], [short]])
    np.testing.assert_array_equal(mean.times_s, TIMES[3:25])
    close(mean.Y, (zscored(run(0).Y[3:25]) + zscored(short.Y)) / 2)
    assert len(mean.bands["rate"]) == 22


def test_runs_are_matched_by_stimulus_not_by_order():
    one = [run(0, stimuli=("a.wav",)), run(1, stimuli=("b.wav",)), run(2, stimuli=("a.wav",))]
    two = [run(3, stimuli=("b.wav",)), run(4, stimuli=("a.wav",)), run(5, stimuli=("c.wav",))]
    means, _ = averaged([one, two])
    assert [mean.stimuli for mean in means] == [
        ("a.wav",),
        ("b.wav",),
    ]  # c and the second a have one participant each
    close(means[0].Y, (zscored(one[0].Y) + zscored(two[1].Y)) / 2)
    close(means[1].Y, (zscored(one[1].Y) + zscored(two[0].Y)) / 2)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (run(1, stimuli=("b.wav",)), "no two participants"),
        (run(1, TIMES + 1.0), "no sample at the same time"),
    ],
)
def test_participants_who_did_not_hear_the_same(other, message):
    with pytest.raises(DataError, match=message):
        match_participants([[run(0)], [other]])


def test_features_tell_who_heard_the_stimulus_at_another_time():
    require_same_features(run(0), run(1, TIMES[3:25]))
    with pytest.raises(DataError, match="at other times"):
        require_same_features(run(0), run(1, TIMES[3:25], shift=2.0))


def test_only_the_first_of_those_who_heard_it_needs_features():
    light = replace(run(1), bands={}, Y=np.zeros((0, 4)))
    participants = [[run(0)], [light]]
    (heard,) = match_participants(participants)
    assert [participant for participant, _, _ in heard.participants] == [0, 1]
    np.testing.assert_array_equal(heard.run.bands["rate"], run(0).bands["rate"])


def test_the_mean_lacks_of_features_what_everybodys_nuisance_takes_on_average():
    """On the samples that all have; where nobody has a sample of their own it is exact."""
    rng = np.random.default_rng(0)
    participants, residuals = [], []
    for seed in range(3):
        one = run(seed)
        basis = encoding.nuisance_basis(rng.standard_normal((len(TIMES), 2)), np.ones(len(TIMES), bool))
        participants.append([replace(one, nuisance=basis)])
        X = one.bands["rate"].reshape(len(TIMES), -1)
        residuals.append(X - basis @ (basis.T @ X))
    (mean,), _ = averaged(participants)
    X = mean.bands["rate"].reshape(len(TIMES), -1)
    close(X - mean.nuisance @ (mean.nuisance.T @ X), np.mean(residuals, axis=0))
    censored = replace(participants[1][0], Y=run(1).Y[3:25], times_s=TIMES[3:25], bands={})
    censored = replace(censored, nuisance=participants[1][0].nuisance[3:25])
    (mean,), _ = averaged([participants[0], [censored], participants[2]])
    assert mean.nuisance.shape[0] == len(mean.Y) == 22
    assert averaged([[run(0)], [run(1)]])[0][0].nuisance is None


def test_nobodys_data_is_changed():
    participants = [[run(0)], [run(1)]]
    before = [one.Y.copy() for (one,) in participants]
    averaged(participants)
    for (one,), old in zip(participants, before, strict=True):
        np.testing.assert_array_equal(one.Y, old)
