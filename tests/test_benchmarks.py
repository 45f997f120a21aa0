"""The command line of the benchmarks."""

import pytest

from benchmarks.bars import Bar, run_bars


def test_several_studies_run_by_name(capsys):
    met = []

    def study(name, value):
        return lambda quick: [met.append((name, quick)), Bar(name, value, 1.0, "s")][1:]

    studies = {"one": study("one", 0.5), "two": study("two", 2.0), "three": study("three", 0.5)}
    assert run_bars(studies, ["--only", "three,one", "--quick"]) == 0
    assert met == [("three", True), ("one", True)]
    assert run_bars(studies, []) == 1  # two falls short
    with pytest.raises(SystemExit) as stopped:
        run_bars(studies, ["--only", "one,four"])
    assert stopped.value.code == 2
    assert "there is no four; one, two, three" in capsys.readouterr().err
