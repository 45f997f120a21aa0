"""What travels between the stages: frozen dataclasses with shapes and units. No logic but names.

Times are seconds. `n_times` counts samples of a response or rows of a feature, `n_targets` voxels, vertices,
parcels or electrodes, `n_dims` the dimensions of a feature space, `n_columns` columns of a design.
"""

from bids_app.records.arrays import Array, Modality, TargetKind
from bids_app.records.designs import Design, Epochs, Layered, Projected, Run, WordRows
from bids_app.records.fits import (
    SCORES,
    Fit,
    FoldAudit,
    Inferred,
    Lags,
    LayerScores,
    Partition,
    Responsive,
    SharedSubspace,
    SubspaceFold,
    Tests,
)
from bids_app.records.names import (
    WORD_COUNT,
    all_components,
    camel,
    component_names,
    component_of,
    space_label,
    word_band,
)
from bids_app.records.responses import Excluded, Found, Recording, Response, Targets
from bids_app.records.results import GroupResult, UnitResult, WrittenUnit
from bids_app.records.settings import (
    DesignSpec,
    EpochSpec,
    FeatureSpec,
    FitSpec,
    InferenceSpec,
    ModelSource,
    RecordingQuery,
    ResidualSpec,
    ResponseSpec,
    SubspaceSpec,
)
from bids_app.records.stimuli import Features, Intervals, Samples, Stimulus, StimulusEvent

__all__ = [
    "SCORES",
    "WORD_COUNT",
    "Array",
    "Design",
    "DesignSpec",
    "EpochSpec",
    "Epochs",
    "Excluded",
    "FeatureSpec",
    "Features",
    "Fit",
    "FitSpec",
    "FoldAudit",
    "Found",
    "GroupResult",
    "InferenceSpec",
    "Inferred",
    "Intervals",
    "Lags",
    "LayerScores",
    "Layered",
    "Modality",
    "ModelSource",
    "Partition",
    "Projected",
    "Recording",
    "RecordingQuery",
    "ResidualSpec",
    "Response",
    "ResponseSpec",
    "Responsive",
    "Run",
    "Samples",
    "SharedSubspace",
    "Stimulus",
    "StimulusEvent",
    "SubspaceFold",
    "SubspaceSpec",
    "TargetKind",
    "Targets",
    "Tests",
    "UnitResult",
    "WordRows",
    "WrittenUnit",
    "all_components",
    "camel",
    "component_names",
    "component_of",
    "space_label",
    "word_band",
]
