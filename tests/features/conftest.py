from pathlib import Path

import pytest
import tiny_models

from bids_app.records import ModelSource


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    """A model folder with `tiny-w2v` (group norm), `org/tiny-hubert` (layer norm), `tiny-wavlm` and `tiny-gpt2`."""
    folder: Path = tmp_path_factory.mktemp("models")
    tiny_models.save_speech_model(folder / "tiny-w2v")
    tiny_models.save_speech_model(folder / "org/tiny-hubert", "hubert", "layer", do_stable_layer_norm=True)
    tiny_models.save_speech_model(folder / "tiny-wavlm", "wavlm")
    tiny_models.save_language_model(folder / "tiny-gpt2")
    return ModelSource(folder, offline=True)
