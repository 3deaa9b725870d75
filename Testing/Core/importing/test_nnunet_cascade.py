"""Cascades: both stages in one package, or a word about which folder is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from nnunet_files import DATASET, cascade

from UNetSegmentLib.errors import ModelError
from UNetSegmentLib.models import load_model, read_card
from UNetSegmentLib.models.importing import import_model


def test_the_first_stage_becomes_a_companion(tmp_path: Path) -> None:
    first, second = cascade()
    first.folds = (0, 1)
    first.write(tmp_path)
    second.write(tmp_path)
    (path,) = import_model(tmp_path, tmp_path / "models", configuration="3d_cascade_fullres", folds=[0])
    model = load_model(path)
    assert [(c.folder, c.role) for c in model.card.companions] == [("previous", "previous")]
    assert (model.card.network.in_channels, len(model.card.inputs)) == (3, 1)
    assert model.card.preparation.spacing == (2.0, 1.0, 1.5)
    assert model.previous is not None
    assert model.previous.card.preparation.spacing == (4.0, 2.0, 3.0)
    assert model.previous.folds == 2  # the choice of folds is about the model itself
    assert model.previous.network(0).training is False


def test_all_configurations_of_a_cascade(tmp_path: Path) -> None:
    for stage in cascade():
        stage.write(tmp_path)
    paths = import_model(tmp_path / DATASET, tmp_path / "models")
    names = [f"{DATASET}-3d_cascade_fullres", f"{DATASET}-3d_lowres"]
    assert sorted(path.name for path in paths) == names
    assert not read_card(next(path for path in paths if path.name.endswith("lowres"))).companions


def test_a_missing_first_stage_is_named(tmp_path: Path) -> None:
    _, second = cascade()
    folder = second.write(tmp_path)
    with pytest.raises(ModelError, match=r"'nnUNetTrainer__nnUNetPlans__3d_lowres'.*holds both, usually Dataset004"):
        import_model(folder, tmp_path / "models")


def test_stages_with_other_labels(tmp_path: Path) -> None:
    first, second = cascade()
    first.dataset["labels"] = {"background": 0, "Anterior": 1}
    first.outputs = 2
    first.write(tmp_path)
    second.write(tmp_path)
    with pytest.raises(ModelError, match=r"does not give the labels \[1, 2\]"):
        import_model(tmp_path, tmp_path / "models", configuration="3d_cascade_fullres")


def test_labels_resampled_in_another_way(tmp_path: Path) -> None:
    first, second = cascade()
    second.plans["configurations"]["3d_fullres"]["resampling_fn_seg_kwargs"]["order"] = 0
    first.write(tmp_path)
    second.write(tmp_path)
    with pytest.raises(ModelError, match="another order than 1"):
        import_model(tmp_path, tmp_path / "models", configuration="3d_cascade_fullres")
