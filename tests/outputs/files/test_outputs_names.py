"""Every file name, as a table; entities come in BIDS order."""

from hypothesis import given
from hypothesis import strategies as st

from bids_app.outputs.files import names
from bids_app.records import ENTITY_ORDER, entities_of, stem_of, without_participant

STEM = "sub-01_ses-2_task-story_space-MNI152NLin2009cAsym_res-2"


def test_names_of_everything():
    surface, electrodes = "sub-01_task-story_space-fsaverage5_den-10k", "sub-01_task-pooled_space-MNI_acq-x"
    for made, expected in (
        (names.map_file(STEM, "volume", "uniqueSpeech", "rsquared"),
         f"sub-01/ses-2/func/{STEM}_stat-rsquared_desc-uniqueSpeech_statmap.nii.gz"),
        (names.map_file(surface, "surface", "full", "r", "L"),
         "sub-01/func/sub-01_task-story_hemi-L_space-fsaverage5_den-10k_stat-r_desc-full_statmap.func.gii"),
        (names.map_file(surface, "surface", "", "r", "R"),
         "sub-01/func/sub-01_task-story_hemi-R_space-fsaverage5_den-10k_stat-r_statmap.func.gii"),
        (names.map_file(STEM, "volume", "betweenPeople", ""),
         f"sub-01/ses-2/func/{STEM}_desc-betweenPeople_statmap.nii.gz"),
        (names.sidecar_of(names.map_file(surface, "surface", "", "r")),
         "sub-01/func/sub-01_task-story_space-fsaverage5_den-10k_stat-r_statmap.json"),
        (names.shared_sidecar_file(STEM, "volume"), f"sub-01/ses-2/{STEM}_statmap.json"),
        (names.table_file("sub-01_seg-Brennan10mm", "parcels"),
         "sub-01/func/sub-01_seg-Brennan10mm_desc-partition_encoding.tsv"),
        (names.table_file(electrodes, "electrodes"),
         "sub-01/ieeg/sub-01_task-pooled_acq-x_desc-partition_channels.tsv"),
        (names.table_file("sub-01", "electrodes"), "sub-01/ieeg/sub-01_task-pooled_desc-partition_channels.tsv"),
        (names.lags_file(electrodes), "sub-01/ieeg/sub-01_task-pooled_acq-x_desc-lags_encoding.tsv"),
        (names.table_file("task-alice_seg-Brennan10mm", "parcels"),
         "group/task-alice_seg-Brennan10mm_desc-meanResponse_encoding.tsv"),
        (names.table_file("task-alice_space-MNI_res-2", "volume"),
         "group/task-alice_space-MNI_res-2_desc-meanResponse_encoding.tsv"),
        (names.group_map_file("task-story_space-X_res-2", "volume", "X", "full", "rsquared"),
         "tpl-X/tpl-X_task-story_res-2_stat-rsquared_desc-full_statmap.nii.gz"),
        (names.group_map_file("space-X", "surface", "X", "full", "sd", "R"),
         "tpl-X/tpl-X_hemi-R_stat-sd_desc-full_statmap.func.gii"),
        (names.group_map_file("space-X", "surface", "X", "", "sd", "R"),
         "tpl-X/tpl-X_hemi-R_stat-sd_statmap.func.gii"),
        (names.group_table_file("task-pooled", "electrodes"), "group/task-pooled_desc-electrodes_encoding.tsv"),
        (names.group_table_file("seg-A", "parcels"), "group/seg-A_desc-partition_encoding.tsv"),
        (names.summary_file(STEM), f"logs/{STEM}_unit.json"),
        (names.figure_file(STEM, "fullMap"), f"sub-01/figures/{STEM}_desc-fullMap_figure.svg"),
        (names.figure_file("seg-A", "table"), "group/figures/seg-A_desc-table_figure.svg"),
    ):  # fmt: skip
        assert str(made) == expected


@given(st.permutations([key for key in ENTITY_ORDER if key != "tpl"]))
def test_entities_come_in_bids_order(keys):
    entities = dict.fromkeys(keys, "x")
    joined = stem_of(entities, "statmap")
    assert entities_of(joined) == entities
    assert [part.split("-")[0] for part in joined.split("_")[:-1]] == [key for key in ENTITY_ORDER if key != "tpl"]


def test_a_label_without_its_participant():
    assert without_participant("sub-01_ses-a_task-story_run-1") == "ses-a_task-story_run-1"
    assert without_participant("task-subject_run-1") == "task-subject_run-1"


def test_summaries_are_found_by_person(tmp_path):
    for stem in ("sub-01_task-a", "sub-01_task-b", "sub-011_task-a", "task-a_seg-X"):
        path = names.summary_path(tmp_path, stem)
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
    assert [path.name for path in names.summary_paths(tmp_path, "01")] == [
        "sub-01_task-a_unit.json",
        "sub-01_task-b_unit.json",
    ]
    assert [path.name for path in names.summary_paths(tmp_path, None)] == ["task-a_seg-X_unit.json"]
    assert names.participants_of(tmp_path) == ["01", "011"]
