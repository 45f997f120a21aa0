"""Every parser, on spoiled files: nothing but an expected error. A fixed number of examples; `make fuzz` runs on."""

import pytest
from fuzz_parsers import PARSERS, drawn_for, fault_of
from fuzz_rooms import WITHIN, public_parsers
from fuzz_samples import TREES, make_samples
from fuzz_spoil import HOW, Spoiling, spoil
from fuzz_ways import OWN, ways_of
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

EXAMPLES = [4, pytest.param(12, marks=pytest.mark.long)]  # of trees a quarter
FIXED = settings(
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    return make_samples(tmp_path_factory.mktemp("samples"))


def test_every_public_parser_is_in_the_table():
    """A function that takes a path or a text is a parser, or is called by one, or says why not."""
    listed = {*PARSERS, *(name for names in WITHIN.values() for name in names)}
    public = set(public_parsers())
    assert public - listed == set()
    named_apart = {"dataset:whole recordings", "features/precomputed.py:extract", "settings/load.py:load_analysis"}
    named_apart |= {"outputs/derivatives/saved/series.py:read_series"}
    assert listed - public == named_apart  # these take a record, a name or several paths


@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_reads_each_of_its_samples(name, samples, tmp_path):
    """Else all that it is fuzzed with would be refused at the door."""
    for sample in PARSERS[name].samples:
        assert fault_of(name, (sample, []), samples, tmp_path) == ""
        given_to = tmp_path / "parsed" if sample in TREES else tmp_path / "parsed" / sample
        if (name, sample) not in OTHER_KINDS:
            PARSERS[name].call(given_to)


OTHER_KINDS = {
    ("dataset/files/tables.py:parse_table", "channels.tsv"),
    ("dataset/files/tables.py:parse_table", "confounds.tsv"),
}


@pytest.mark.parametrize("n_examples", EXAMPLES)
@pytest.mark.parametrize("name", PARSERS)
def test_a_spoiled_file_is_an_expected_error(name, n_examples, samples, tmp_path):
    @settings(FIXED, max_examples=n_examples // 4 if name == "dataset:whole recordings" else n_examples)
    @given(drawn_for(name, samples))
    def every(drawn):
        assert fault_of(name, drawn, samples, tmp_path) == ""

    every()


def test_what_is_no_expected_error_is_a_find(samples, tmp_path, monkeypatch):
    def broken(path):
        raise KeyError(path.name)

    monkeypatch.setitem(PARSERS, "broken", PARSERS["dataset/files/tables.py:decode"]._replace(call=broken))
    assert fault_of("broken", ("words.tsv", []), samples, tmp_path).startswith("KeyError")


@settings(FIXED, max_examples=100)
@given(data=st.data())
def test_what_a_link_leads_to_is_never_spoiled(data, tmp_path_factory):
    """Not the file, by a second spoiling of what has become a link to it, nor what lies in a folder."""
    root, outside = (tmp_path_factory.mktemp(name) for name in ("spoiled", "outside"))
    kept = outside / "a.tsv"
    for path in (kept, root / "a.tsv", root / "folder/a.tsv"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("onset\tword\n1\ta\n2\tb\n")
    links = [Spoiling("a.tsv", "as_link", (str(kept),)), Spoiling("folder", "as_link", (str(outside),))]
    names = st.sampled_from(["a.tsv", "folder/a.tsv"])
    more = data.draw(st.lists(names.flatmap(lambda name: ways_of(name).map(lambda way: Spoiling(name, *way)))))
    spoil(root, [*links, *more, *(Spoiling(name, "forbidden") for name in ("a.tsv", "folder/a.tsv"))])
    assert sorted(outside.iterdir()) == [kept]
    assert kept.read_text() == "onset\tword\n1\ta\n2\tb\n"
    assert kept.stat().st_mode & 0o400


def test_every_way_of_spoiling_is_drawn_for_some_kind_of_file():
    drawn = {how for ways in OWN.values() for how in ways}
    common = set(HOW) - drawn - {"forbidden"}
    seen = set()

    @settings(FIXED, max_examples=300)
    @given(ways_of("x.bin"))
    def every(way):
        seen.add(way[0])

    every()
    assert seen == common
