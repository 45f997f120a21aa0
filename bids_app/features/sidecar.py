"""The JSON beside stored features: its text, and what is read from it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bids_app.disk import read_text
from bids_app.records import FeatureProvenance, Features

PROOF = "Sha256OfThis"  # of all else in the JSON
OTHER_FORM = (ValueError, KeyError, TypeError, AttributeError)  # what looking into JSON of another form raises


@dataclass(frozen=True)
class Sidecar:
    """What the store needs of it.

    Parameters
    ----------
    space : the feature space's name.
    sampling : of `Features`.
    provenance : of `Features`.
    key : of what decides the values.
    sha256 : of the .h5 file beside it.
    """

    space: str
    sampling: Literal["continuous", "events"]
    provenance: FeatureProvenance
    key: str
    sha256: str


def read_sidecar(path: Path) -> Sidecar | None:
    """The JSON file's content; None where it is absent, unreadable, not of this form or changed since."""
    try:
        content = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError):
        return None
    try:
        fields = _provenance_fields(content["Provenance"])
        space, sampling, key = content["Space"], content["Sampling"], str(content["Key"])
        digest = content["Sha256"]
        proof = content.pop(PROOF, None)  # stores of before have none
    except OTHER_FORM:
        return None
    if proof not in (None, _hash(content)):
        return None
    return Sidecar(space, sampling, FeatureProvenance(**fields), key, digest)


def sidecar_text(features: Features, key: str, stimulus_id: str, digest: str) -> str:
    """The JSON file's text.

    Parameters
    ----------
    features : what the .h5 file holds.
    key : SHA-256 of what decides the values.
    stimulus_id : the stimulus's path under /stimuli.
    digest : SHA-256 of the .h5 file.
    """
    provenance = features.provenance
    content = {
        "Description": provenance.description,
        "Space": features.name,
        "Stimulus": stimulus_id,
        "Rows": len(features.values),
        "Dimensions": provenance.dimensions,
        "Sampling": features.sampling,
        "TimeStamp": f"times_s, in seconds of the stimulus: {provenance.stamp}",
        "Provenance": provenance_to_json(provenance),
        "Key": key,
        "Sha256": digest,
    }
    if provenance.stand_in:
        content["Warning"] = f"{provenance.model} is an untrained stand-in: its weights are random."
    content[PROOF] = _hash(content)
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _hash(content: dict[str, Any]) -> str:
    """SHA-256 of JSON, however it is laid out."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def provenance_to_json(provenance: FeatureProvenance) -> dict[str, Any]:
    """As it stands in the file; what does not apply to the family has no key."""
    content: dict[str, Any] = {
        "kind": provenance.kind,
        "options": dict(provenance.options),
        "version": provenance.version,
        "files": dict(provenance.files),
        "description": provenance.description,
        "stamp": provenance.stamp,
        "dimensions": provenance.dimensions,
    }
    if provenance.layers:
        content["layers"] = dict(provenance.layers)
    content["causal"] = provenance.causal
    if provenance.approximate is not None:
        content["approximate"] = provenance.approximate
    if provenance.unknown_share is not None:
        content["unknown_share"] = provenance.unknown_share
    content["notes"] = provenance.notes
    if provenance.warnings:
        content["warnings"] = provenance.warnings
    if provenance.model is not None:
        content["model"] = provenance.model
        content["revision"] = provenance.revision
        content["untrained"] = provenance.untrained
        content["stand_in"] = provenance.stand_in
    if provenance.weights_sha256 is not None:
        content["weights_sha256"] = provenance.weights_sha256
    return content


def _provenance_fields(content: Any) -> dict[str, Any]:
    """Arguments of `FeatureProvenance` from the file's JSON. Raises one of OTHER_FORM where it is of another form."""
    dimensions = content["dimensions"]
    spans = content.get("layers", {})
    return {
        "kind": content["kind"],
        "options": dict(content["options"]),
        "version": content["version"],
        "files": dict(content["files"]),
        "description": content["description"],
        "stamp": content["stamp"],
        "dimensions": dimensions if isinstance(dimensions, str) else tuple(dimensions),
        "layers": {layer: (int(first), int(end)) for layer, (first, end) in spans.items()},
        "causal": content["causal"],
        "approximate": content.get("approximate"),
        "unknown_share": content.get("unknown_share"),
        "notes": tuple(content["notes"]),
        "warnings": tuple(content.get("warnings", ())),
        "model": content.get("model"),
        "revision": content.get("revision"),
        "untrained": content.get("untrained"),
        "stand_in": content.get("stand_in"),
        "weights_sha256": content.get("weights_sha256"),
    }


def as_stored(provenance: FeatureProvenance) -> FeatureProvenance:
    """As the store will give it back: what options hold is of JSON's types."""
    return FeatureProvenance(**_provenance_fields(json.loads(json.dumps(provenance_to_json(provenance)))))
