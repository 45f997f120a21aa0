import shutil
from pathlib import Path

import pytest
import tiny_models
from hypothesis import settings

from bids_app.features.transformers import trials
from bids_app.records import ModelSource

settings.register_profile("shared", deadline=None)  # the first example loads tables and libraries
settings.load_profile("shared")


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    """A model folder with one model of each kind; `tiny-w2v` has group norm, `org/tiny-hubert` layer norm."""
    folder: Path = tmp_path_factory.mktemp("models")
    tiny_models.save_speech_model(folder / "tiny-w2v")
    tiny_models.save_speech_model(folder / "org/tiny-hubert", "hubert", "layer", do_stable_layer_norm=True)
    tiny_models.save_speech_model(folder / "tiny-wavlm", "wavlm")
    tiny_models.save_speech_model(folder / "tiny-data2vec", "data2vec", "layer", conv_pos_kernel_size=9)
    tiny_models.save_filter_bank_model(folder / "tiny-w2v-bert")
    tiny_models.save_whisper(folder / "whisper")
    tiny_models.save_whisper(folder / "short-whisper", 4)
    tiny_models.save_language_model(folder / "tiny-gpt2")
    tiny_models.save_masked_model(folder / "tiny-bert")
    lines = [f"{word} {place % 7 + 1} {place % 3}" for place, word in enumerate(tiny_models.TEXT.split())]
    (folder / "vectors.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return ModelSource(folder, offline=True)


@pytest.fixture(autouse=True)
def untried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found of models' layers is kept for no other test."""
    monkeypatch.setattr(trials, "_TRIED", {})


@pytest.fixture
def folder(source: ModelSource, tmp_path: Path) -> Path:
    """A copy of the models that a test may break."""
    return Path(shutil.copytree(source.model_dir, tmp_path / "models"))
