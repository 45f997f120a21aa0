"""Rows are chosen once, by the analysis's design, and state what follows from them."""

from types import SimpleNamespace

import numpy as np
import pytest

from bids_app.pipeline.runs.continuous_rows import ContinuousRows, period_of
from bids_app.pipeline.runs.rows import choose_rows
from bids_app.pipeline.runs.word_rows import NO_CEILING, WordEpochRows
from bids_app.records import Fit, Partition
from bids_app.settings.load import parse_analysis

MINIMAL = "name: x\nfeatures: {rate: {kind: word_rate}}\n"
WORDS = MINIMAL + "design: {ieeg: {mode: words, lags_s: [0, 0.2, 0.1]}}"


def rows_of(text, modality="ieeg"):
    job = SimpleNamespace(analysis=parse_analysis(text, "x"), specs={"rate": None})
    return choose_rows(job, None, modality)


def result(n_targets):
    values = np.arange(float(n_targets))
    fit = Fit((("rate",),), values[None], values[None], values[None], {}, (0.0,), ())
    return Partition(("rate",), {"full": {"rsquared": values}}), fit, np.ones(n_targets, dtype=bool)


@pytest.mark.parametrize(("text", "modality"), [(MINIMAL, "fmri"), (MINIMAL, "ieeg"), (WORDS, "fmri")])
def test_samples_are_rows_unless_the_modality_has_windows_around_words(text, modality):
    rows = rows_of(text, modality)
    assert isinstance(rows, ContinuousRows)
    assert rows.settings.modality == modality
    assert rows.n_windows == 1
    given = result(6)
    results = rows.results(*given)
    assert (results.partition, results.fit, results.lags) == (given[0], given[1], None)


def test_words_are_rows_with_a_target_for_every_window():
    rows = rows_of(WORDS)
    assert isinstance(rows, WordEpochRows)
    assert rows.n_windows == 1 + 3
    results = rows.results(*result(8))
    assert results.partition.values["full"]["rsquared"].tolist() == [0, 4]
    assert results.fit.rsquared.tolist() == [[0, 4]]
    assert results.usable.tolist() == [True, True]
    assert results.lags.lags_s == (0.0, 0.1, 0.2)
    assert results.lags.partition.values["full"]["rsquared"].tolist() == [[1, 2, 3], [5, 6, 7]]
    assert rows.noise_ceiling((), (), 0.01) == (None, NO_CEILING)


def test_features_are_residualised_where_the_analysis_says_so():
    assert rows_of(MINIMAL, "fmri").settings.response.residualise_features is None
    text = MINIMAL + "response: {fmri: {residualise_features: true}}"
    assert rows_of(text, "fmri").settings.response.residualise_features


def test_the_period_is_that_of_the_samples():
    assert period_of(np.array([3.0, 5.0, 7.0])) == 2.0
