"""What the report's table of one recording says."""

import pytest

from bids_app.outputs.wording.alignment import account_rows
from bids_app.records import Alignment, DroppedSamples, Extent, StartAccount, StatedInterval


@pytest.mark.parametrize(
    ("dropped", "words"),
    [
        (DroppedSamples(362, 0, 0, ""), "0 of 362 absent, 0 there and not used"),
        (DroppedSamples(200, 5, 2, "outliers.tsv"), "5 of 200 absent, 2 there and not used (outliers.tsv)"),
    ],
)
def test_rows_of_an_account(dropped, words):
    intervals = (StatedInterval("sidecar", 2.0, 0.0005), StatedInterval("header", 2.0, 0.0))
    extents = (Extent("derivative", 362, 724.0), Extent("events", None, 723.6))
    account = Alignment("run", extents, intervals, StartAccount(1.0, "StartTime"), (), (), dropped=dropped)
    rows = account_rows(account)
    assert ("samples of the scan", words) in rows
    assert ("first sample", "1 s (StartTime)") in rows
    assert [name for name, _ in rows][:2] == ["length by the response", "length by the events"]
