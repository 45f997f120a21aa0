"""People's results joined: who with whom, on which targets, and the statistics against numpy."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from bids_app.group import ParticipantValues, summarise
from bids_app.group.electrodes import MeanEstimate, over_electrodes
from bids_app.group.maps.prevalence import prevalence_of
from bids_app.group.membership import group_key, key_of_written, shared_stem
from bids_app.group.statistics import participant_statistics
from bids_app.outputs.derivatives.summary import stat_spreads
from bids_app.outputs.wording.group import group_inference_in_words
from bids_app.records import (
    ComponentSummary,
    FitSpec,
    InferenceSpec,
    Partition,
    SharedStimulusResult,
    Targets,
    WrittenUnit,
    baseline_alone,
    beyond_baseline,
    partition_components,
)
from bids_app.records.specs import GroupSpec

POOL = ("session", "task", "run")
AB = partition_components(("a", "b"))
RATE = ("baseline_word_rate",)
CONTROLS = (baseline_alone(RATE), beyond_baseline("a", ("a",), RATE), beyond_baseline("b", ("b",), RATE))


def summary_of(pool, solver, space, components=None):
    """What grouping asks of a unit's summary."""
    analysis = SimpleNamespace(pool=pool, fit=FitSpec(solver))
    provenance = SimpleNamespace(analysis=analysis)
    return SimpleNamespace(
        provenance=provenance,
        model_pair=None,
        layers={},
        components=components or {},
        space=space,
        has_unreliable_p=False,
        has_no_p=False,
    )


def unit(stem, participant, names=("a", "b", "c"), values=(0.1, 0.2, 0.3), pool=POOL, **targets):
    kind = targets.pop("kind", "parcels")
    space = targets.pop("space", "Atlas")
    full = np.array(values, dtype=np.float32)
    partition = Partition(("x",), {"full": {"rsquared": full, "r": np.sqrt(np.abs(full))}})
    one = stat_spreads(full, full > 0)
    components = {"full": ComponentSummary(("rsquared", "r"), {"rsquared": one, "r": one})}
    summary = summary_of(pool, "banded_ridge", space, components)
    modality = "ieeg" if kind == "electrodes" else "fmri"
    return WrittenUnit(stem, participant, modality, Targets(kind, space, tuple(names), **targets), partition, summary)


def test_statistics_are_numpys():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(7, 50))
    table[rng.random(table.shape) < 0.3] = np.nan
    table[:, 0], table[1:, 1] = np.nan, np.nan
    table[0, 1] = 0.5
    found = participant_statistics(table, "rsquared")
    np.testing.assert_allclose(found["mean"][1:], np.nanmean(table[:, 1:], axis=0))
    np.testing.assert_allclose(found["sd"][2:], np.nanstd(table[:, 2:], axis=0, ddof=1))
    np.testing.assert_array_equal(found["n"], np.isfinite(table).sum(axis=0))
    np.testing.assert_array_equal(found["nPositive"], (np.nan_to_num(table, nan=-1) > 0).sum(axis=0))
    rounded = np.array([[2e-16, 1e-7, 0.01], [2e-16, np.nan, 2e-6]])  # what rounding leaves is not above 0
    assert participant_statistics(rounded, "rsquared")["nPositive"].tolist() == [0, 0, 2]
    assert stat_spreads(rounded[0], np.ones(3, bool)).usable.n_positive == 1
    assert np.isnan(found["mean"][0])
    assert np.isnan(found["sd"][:2]).all()


def test_correlations_are_averaged_as_fishers_z():
    table = np.array([[0.9, 0.1], [0.1, np.nan]])
    assert participant_statistics(table, "r")["mean"] == pytest.approx([np.tanh(np.arctanh([0.9, 0.1]).mean()), 0.1])
    assert participant_statistics(table, "rsquared")["mean"] == pytest.approx([0.5, 0.1])


def test_participants_with_other_targets_are_joined_by_name():
    one = unit("sub-01_seg-Atlas", "01", ("a", "b", "c"), (0.1, 0.2, 0.3))
    two = unit("sub-02_seg-Atlas", "02", ("c", "a", "d"), (0.5, np.nan, 0.7))
    (result,) = summarise([one, two])
    assert result.targets.names == ("a", "b", "c", "d")
    found = result.values["full"]["rsquared"]
    assert found["mean"] == pytest.approx([0.1, 0.2, 0.4, 0.7])
    assert found["n"].tolist() == [1, 1, 2, 1]
    assert result.participants == ("01", "02")
    assert [row.participant for row in result.scores] == ["01", "01", "02", "02"]


def test_voxels_keep_their_places():
    affine, shape = np.diag([2.0, 2, 2, 1]), (5, 5, 5)
    one = unit("sub-01_space-MNI", "01", ("0,0,1", "4,3,2"), (0.1, 0.3), kind="volume", space="MNI",
               index=np.array([[0, 0, 1], [4, 3, 2]]), shape=shape, affine=affine)  # fmt: skip
    two = unit("sub-02_space-MNI", "02", ("4,3,2", "1,1,1"), (0.5, 0.2), kind="volume", space="MNI",
               index=np.array([[4, 3, 2], [1, 1, 1]]), shape=shape, affine=affine)  # fmt: skip
    (result,) = summarise([one, two])
    assert result.targets.index.tolist() == [[0, 0, 1], [4, 3, 2], [1, 1, 1]]
    assert result.values["full"]["rsquared"]["mean"] == pytest.approx([0.1, 0.4, 0.2])


def test_who_is_on_another_grid_is_left_out_by_name():
    def voxel(participant, size):
        grid = {"index": np.zeros((1, 3), dtype=int), "shape": (3, 3, 3), "affine": np.diag([size, size, size, 1.0])}
        return unit(
            f"sub-{participant}_space-MNI", participant, ("0,0,0",), (0.1,), kind="volume", space="MNI", **grid
        )

    (result,) = summarise([voxel("01", 3.0), voxel("02", 2.0), voxel("03", 2.0)])
    assert result.participants == ("02", "03")
    assert [(one.participant, "grid" in one.reason) for one in result.left_out] == [("01", True)]


def test_electrodes_are_stacked():
    one = unit("sub-01_task-a", "01", ("A", "B"), (0.1, np.nan), kind="electrodes", xyz_mm=np.zeros((2, 3)))
    two = unit("sub-02_task-a", "02", ("A",), (0.4,), kind="electrodes", xyz_mm=np.ones((1, 3)))
    (result,) = summarise([one, two])
    assert result.owners == ("01", "01", "02")
    assert result.targets.names == ("A", "B", "A")
    assert result.targets.xyz_mm[2].tolist() == [1, 1, 1]
    assert result.values["full"]["rsquared"]["value"] == pytest.approx([0.1, np.nan, 0.4], nan_ok=True)


def test_individual_spaces_have_no_map_over_people():
    grid = {"index": np.zeros((1, 3), dtype=int), "shape": (3, 3, 3), "affine": np.eye(4)}
    (result,) = summarise([unit("sub-01_space-T1w", "01", ("0,0,0",), (0.1,), kind="volume", space="T1w", **grid)])
    assert result.values == {}
    assert result.scores
    assert "T1w" in result.notes[0]


@pytest.mark.parametrize(
    ("stems", "pool", "expected"),
    [
        (("sub-1_task-a_seg-S", "sub-2_task-a_seg-S"), POOL, ["task-a_seg-S"]),
        (("sub-1_task-a_seg-S", "sub-2_seg-S"), POOL, ["seg-S"]),  # sub-2 has several tasks
        (("sub-1_ses-1_task-a_seg-S", "sub-2_ses-2_task-a_seg-S"), POOL, ["task-a_seg-S"]),
        (("sub-1_task-a_seg-S", "sub-2_task-b_seg-S"), ("run",), ["task-a_seg-S", "task-b_seg-S"]),
        (("sub-1_acq-x_seg-S", "sub-2_acq-y_seg-S"), POOL, ["acq-x_seg-S", "acq-y_seg-S"]),
    ],
)
def test_who_is_joined_with_whom(stems, pool, expected):
    results = summarise([unit(stem, stem[4:5], pool=pool) for stem in stems])
    assert [result.stem for result in results] == expected


def test_planned_units_belong_together_as_results_do():
    """One participant with one more session loses nobody's noise ceiling: both stages ask one rule."""
    written = [unit(stem, stem[4:5]) for stem in ("sub-1_ses-1_task-a_seg-S", "sub-2_task-a_seg-S", "sub-3_seg-S")]
    planned = {group_key(one.stem, "fmri", "parcels", "Atlas", POOL) for one in written}
    assert planned == {key_of_written(one) for one in written}
    assert len(planned) == 1
    assert shared_stem([one.stem for one in written]) == "seg-S"
    shared = {planned.pop(): SharedStimulusResult("none", "a ceiling of their own")}
    (result,) = summarise(written, None, shared)
    assert result.ceiling == "a ceiling of their own"
    apart = group_key("sub-1_acq-x_seg-S", "fmri", "parcels", "Atlas", POOL)
    assert apart != group_key("sub-1_acq-y_seg-S", "fmri", "parcels", "Atlas", POOL)
    by_session = group_key("sub-1_ses-1_seg-S", "fmri", "parcels", "Atlas", ("run",))
    assert by_session != group_key("sub-1_ses-2_seg-S", "fmri", "parcels", "Atlas", ("run",))


def test_modalities_and_spaces_stay_apart():
    units = [unit("sub-1_seg-S", "1"), unit("sub-1_seg-T", "1", space="Other"),
             unit("sub-1_task-a", "1", kind="electrodes", xyz_mm=np.zeros((3, 3)))]  # fmt: skip
    assert len(summarise(units)) == 3
    assert summarise([]) == ()


def two_spaces(participant, solver, kind):
    """Both spaces and what they share are above zero, the same in everyone but for a little."""
    own = unit(
        f"sub-{participant}", participant, kind=kind, **({"xyz_mm": np.zeros((3, 3))} if kind == "electrodes" else {})
    )
    high = 0.1 + 0.01 * int(participant)
    amounts = {"full": 3, "a": 2, "b": 2, "uniqueA": 1, "uniqueB": 1, "sharedAB": 1}
    values = {one.label: dict.fromkeys(("rsquared", "r"), np.full(3, high * amounts[one.label])) for one in AB}
    values = {label: {**stats, "pfwe": np.full(3, 0.001)} for label, stats in values.items()}
    full = {"full": ComponentSummary((), {})}
    return replace(
        own, partition=Partition(("a", "b"), values), summary=summary_of(POOL, solver, own.targets.space, full)
    )


@pytest.mark.parametrize("kind", ["parcels", "electrodes"])
@pytest.mark.parametrize("solver", ["ridge", "banded_ridge"])
def test_plain_ridges_shared_parts_have_no_p_over_people(solver, kind):
    participants = [two_spaces(f"{number}", solver, kind) for number in range(1, 7)]
    (result,) = summarise(participants, InferenceSpec(permutations=100))
    if kind == "electrodes":
        p = {row.component: row.p for row in result.electrodes if row.electrodes == "all"}
    else:
        p = {name: stats["rsquared"]["p"][0] for name, stats in result.values.items()}
    assert p["uniqueA"] == pytest.approx(2**-6)
    assert np.isnan(p["sharedAB"]) if solver == "ridge" else p["sharedAB"] == pytest.approx(2**-6)
    assert ("no p: plain ridge" in group_inference_in_words(result.inference, kind)) == (solver == "ridge")


@pytest.mark.parametrize("solver", ["ridge", "banded_ridge"])
def test_prevalence_is_of_participants_whose_own_p_hold(solver):
    participants = [two_spaces(f"{number}", solver, "parcels") for number in range(1, 8)]
    participants[6] = replace(participants[6], targets=replace(participants[6].targets, names=("b", "c", "d")))
    participants[0].summary.has_unreliable_p = True
    participants[1].partition.values["uniqueA"]["pfwe"][:2] = 0.5, np.nan
    (result,) = summarise(participants, InferenceSpec(permutations=100), None, GroupSpec(0.01))
    found = result.values["uniqueA"]["rsquared"]
    assert result.targets.names == ("a", "b", "c", "d")
    assert found["nTested"].tolist() == [5, 5, 6, 1]
    assert found["nSignificant"].tolist() == [4, 5, 6, 1]
    assert found["prevalence"][0] == prevalence_of(4, 5, 0.01).estimate
    assert found["prevalenceBound"][3] == prevalence_of(1, 1, 0.01).bound
    assert ("prevalence" in result.values["sharedAB"]["rsquared"]) == (solver == "banded_ridge")
    assert result.inference.uncounted == ("1",)
    assert result.inference.asked.level == 0.01


@pytest.mark.parametrize("kind", ["parcels", "electrodes"])
def test_what_all_have_beside_the_partition_is_tested_alone(kind):
    """The baseline and a model beyond it: the tests of one space's total; what not all have is left out."""
    participants = [two_spaces(f"{number}", "banded_ridge", kind) for number in range(1, 7)]
    means = dict(zip(CONTROLS, (0.02, 0.0, 0.1), strict=True))
    rng, given = np.random.default_rng(0), []
    for number, one in enumerate(participants):
        drawn = {control.label: rng.normal(mean, 0.05, 3) for control, mean in means.items()}
        p = np.full(3, 0.001)
        values = {label: {"rsquared": one, "r": np.tanh(one), "pfwe": p} for label, one in drawn.items()}
        if number == 3:
            del values["bBeyondBaseline"]
        controls = tuple(control for control in CONTROLS if control.label in values)
        values = {**one.partition.values, **values}
        given.append(replace(one, partition=replace(one.partition, values=values, controls=controls)))
    (result,) = summarise(given, InferenceSpec(permutations=100))
    assert [one.label for one in result.controls] == ["baseline", "aBeyondBaseline"]
    for name in ("baseline", "aBeyondBaseline"):
        table = np.stack([one.partition.values[name]["rsquared"] for one in given])
        if kind == "electrodes":
            (row,) = (one for one in result.electrodes if (one.component, one.electrodes) == (name, "all"))
            total = [
                ParticipantValues(*(dict.fromkeys(("full", "x", "uniqueX"), own) for own in (each, np.tanh(each))))
                for each in table
            ]
            expected = over_electrodes(total, partition_components(("x",)), 0)["full"]
            assert MeanEstimate(row.mean, row.ci025, row.ci975, row.p) == expected
        else:
            scipys = stats.permutation_test(
                (table,), np.mean, permutation_type="samples", alternative="greater", n_resamples=np.inf, axis=0
            ).pvalue
            p = result.values[name]["rsquared"]["p"]
            np.testing.assert_allclose(p, np.where(table.mean(axis=0) > 0, scipys, 1))
    without = result.values.get("bBeyondBaseline", {"rsquared": {}})
    assert "p" not in without["rsquared"]


@pytest.mark.parametrize(
    ("n_participants", "permutations", "words"),
    [(5, 1000, "all 32 sign vectors), family-wise by max-T: 5 participants allow no p below 2^−5 = 0.0312."),
     (27, 1000, "1024 of 2^27 sign vectors), family-wise by max-T: so many allow no p below 1/1024.")],
)  # fmt: skip
def test_the_least_p_that_is_reported_is_the_least_there_can_be(n_participants, permutations, words):
    participants = [
        unit(f"sub-{number:02}", f"{number:02}", values=(0.1, 0.2, number / 100)) for number in range(n_participants)
    ]
    beside = {"uniqueX": participants[0].partition.values["full"], "x": participants[0].partition.values["full"]}
    participants = [
        replace(one, partition=replace(one.partition, values={**one.partition.values, **beside}))
        for one in participants
    ]
    (result,) = summarise(participants, InferenceSpec(permutations=permutations))
    assert "there is no p" not in group_inference_in_words(result.inference, "parcels")
    said = group_inference_in_words(result.inference, "parcels")
    assert words in said
    assert "in six of ten groups of 12" in said  # no mean response guards
    assert result.values["full"]["rsquared"]["p"].min() == pytest.approx(max(2.0**-n_participants, 1 / 1024))


@pytest.mark.parametrize("kind", ["parcels", "electrodes"])
def test_fewer_than_five_participants_have_neither_p_nor_interval(kind):
    """No sign flips of them give p ≤ .05: said once, not as a p a row; no interval stands beside nothing tested."""
    few = [two_spaces(f"{number}", "banded_ridge", kind) for number in range(1, 4)]
    (result,) = summarise(few, InferenceSpec(permutations=100))
    if kind == "electrodes":
        assert all(np.isnan([row.p, row.ci025, row.ci975]).all() for row in result.electrodes)
        assert all(np.isfinite(row.mean) for row in result.electrodes)
    else:
        stats = [one["rsquared"] for one in result.values.values()]
        assert not any({"p", "pfwe", "q"} & {*one} for one in stats)
        assert all(np.isnan(one[end]).all() for one in stats for end in ("ci025", "ci975"))
    words = group_inference_in_words(result.inference, kind)
    assert "3 participants: there is no p over participants" in words


def test_electrodes_p_is_no_smaller_than_their_own_family_wise_ones_allow():
    """All hear one stimulus: what chance gave everybody's electrodes is in each one's own tests."""
    participants = [two_spaces(f"{number}", "banded_ridge", "electrodes") for number in range(1, 7)]
    values = [one.partition.values for one in participants]
    for number, own in enumerate(values):
        own["a"]["pfwe"] = np.array([0.5, np.nan, 0.1 if number else 0.02])
        own["b"]["pfwe"] = np.full(3, np.nan)
    for own in values[1:]:
        del own["uniqueB"]["pfwe"]
    values[0]["uniqueB"]["pfwe"] = np.array([0.004, 1.0, 1.0])
    (result,) = summarise(participants, InferenceSpec(permutations=1000))
    p = {row.component: row.p for row in result.electrodes if row.electrodes == "all"}
    assert p["full"] == pytest.approx(2**-6)
    assert p["a"] == pytest.approx(6 * 0.02)
    assert p["uniqueB"] == pytest.approx(6 * 0.004)
    assert np.isnan(p["b"])
    words = group_inference_in_words(result.inference, "electrodes")
    assert "the smallest family-wise p of any participant's electrodes" in words
    assert "(at least 0.0059)" in words


def test_p_is_not_known_where_the_mean_response_has_no_such_component():
    participants = [two_spaces(f"{number}", "banded_ridge", "parcels") for number in range(1, 7)]
    baseline = {"baseline": dict.fromkeys(("rsquared", "r"), np.array([0.1, 0.2, 0.3]))}
    participants = [
        replace(
            one,
            partition=replace(one.partition, values={**one.partition.values, **baseline}, controls=CONTROLS[:1]),
        )
        for one in participants
    ]
    p = {stat: np.full(3, 0.5) for stat in ("p", "pfwe")}
    of_mean = Partition(("a", "b"), dict.fromkeys([one.label for one in AB], p))
    mean = SimpleNamespace(partition=of_mean, targets=participants[0].targets)
    shared = {key_of_written(participants[0]): SharedStimulusResult("mean response", "none", mean)}
    (result,) = summarise(participants, InferenceSpec(permutations=100), shared)
    assert (result.values["uniqueA"]["rsquared"]["p"] == 0.5).all()
    assert np.isnan(result.values["baseline"]["rsquared"]["p"]).all()
