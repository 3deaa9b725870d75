"""Whole bundles: what the card says, what is refused by name, and hostile or broken ones."""

from __future__ import annotations

import builtins
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from bundle_files import CONFIGURATION, METADATA, configuration, plan, their_weights, write_bundle

from UNetSegmentLib.errors import DependencyError, ModelError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.inference import Segmenter
from UNetSegmentLib.models import load_model
from UNetSegmentLib.models.card import Normalization, PostprocessingStep
from UNetSegmentLib.models.importing import import_model, recognise
from UNetSegmentLib.volume import Volume


def test_the_card_of_a_bundle(tmp_path: Path) -> None:
    [package] = import_model(write_bundle(tmp_path / "two_organs", weights=True), tmp_path / "models")
    card = load_model(package).card
    assert (card.name, card.version, card.title, card.modality) == ("two_organs", "1.2.3", "Two organs", "CT")
    assert [(label.value, label.name) for label in card.labels] == [(1, "liver"), (2, "left kidney")]
    assert card.preparation.orientation == "RAS"
    assert card.preparation.spacing == (2.0, 1.25, 1.5)
    assert (card.preparation.alignment, card.preparation.normalize_resampled) == ("centres", True)
    assert card.preparation.normalization == (Normalization("range", -57, 164, clip=True),)
    assert (card.inference.patch, card.inference.overlap) == ((16, 48, 32), 0.5)
    assert (card.inference.tiling, card.inference.weighting, card.inference.restored) == (
        "stepped",
        "flat",
        "probabilities",
    )
    assert card.citation == "One et al.\nTwo et al."
    assert card.licence == "Apache-2.0; Copyright (c) nobody"
    assert "mean dice 0.9" in card.description
    assert (card.training_data, card.intended_use) == ("made up", "none")


def test_an_imported_bundle_runs(tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "two_organs"), "zip", write_bundle(tmp_path / "b", weights=True))
    assert recognise(Path(archive)) == "monai"
    [package] = import_model(Path(archive), tmp_path / "models", "mine")
    voxels = np.random.default_rng(0).normal(50, 40, (1, 20, 24, 18)).astype(np.float32)
    result = Segmenter(load_model(package), "cpu", "exact").segment(Volume(voxels, Geometry((18, 24, 20))))
    assert result.segmentation.voxels.shape == (20, 24, 18)
    assert result.segmentation.voxels.any()


def _steps(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"_target_": "Compose", "transforms": list(steps)}


def _before(*steps: dict[str, Any]) -> dict[str, Any]:
    return configuration(preprocessing=_steps({"_target_": "LoadImaged", "keys": "image"}, *steps))


def _after(*steps: dict[str, Any]) -> dict[str, Any]:
    return configuration(postprocessing=_steps(*({"keys": "pred", **step} for step in steps)))


def _step(target: str, **arguments: Any) -> dict[str, Any]:
    return {"_target_": target, "keys": "image", **arguments}


def _network(**changed: Any) -> dict[str, Any]:
    return configuration(network_def={**CONFIGURATION["network_def"], **changed})


def _inferer(**changed: Any) -> dict[str, Any]:
    return configuration(inferer={**CONFIGURATION["inferer"], **changed})


SOFTMAX = {"_target_": "Activationsd", "softmax": True}
ARGMAX = {"_target_": "AsDiscreted", "argmax": True}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (_network(_target_="SwinUNETR"), "'SwinUNETR'"),
        (_network(_target_="scripts.networks.UNesT"), "scripts.networks.UNesT"),
        (_network(_target_="os.system"), "os.system"),
        (_network(act="softshrink"), "softshrink"),
        (_network(norm="layer"), "'layer'"),
        (_network(surprise=1), "'surprise' of 'UNet'"),
        (_network(channels="$[2 ** n for n in range(3)]"), "run as a program"),
        (_network(strides=[0]), "strides"),
        (_network(channels=[4, 10**9]), "channels"),
        (_before(_step("Resized", spatial_size=[96, 96, 96])), "one size"),
        (_before(_step("RandFlipd")), "'RandFlipd'"),
        (_before(_step("scripts.transforms.Own")), "scripts.transforms.Own"),
        (_before(_step("Lambdad", func="$lambda x: x")), "Lambdad"),
        (_before(_step("ScaleIntensityd", factor=0.5)), "factor"),
        (_before(_step("NormalizeIntensityd", subtrahend=1.0)), "given and measured"),
        (_before(_step("Spacingd", pixdim=[1, 1, 1], mode=3)), "mode '3'"),
        (_before(_step("Spacingd", pixdim=[1, 1, -1])), "keeps the spacing"),
        (_before(_step("ScaleIntensityd"), _step("Spacingd", pixdim=1), _step("ScaleIntensityd")), "before and after"),
        (_before(_step("CropForegroundd", source_key="label")), "CropForegroundd"),
        (_before(_step("CropForegroundd", source_key="image", margin=3)), "CropForegroundd"),
        (_before(_step("CropForegroundd", source_key="image", select_fn="$lambda x: x > 5")), "CropForegroundd"),
        (_before(_step("CropForegroundd", source_key="image"), _step("ScaleIntensityd")), "after cropping"),
        (_before(_step("CropForegroundd", source_key="image"), _step("Spacingd", pixdim=1)), "after cropping"),
        (_before(_step("CastToTyped", dtype="$torch.uint8")), "uint8"),
        (configuration(preprocessing=None), "no preprocessing"),
        (_inferer(_target_="SimpleInferer"), "'SimpleInferer'"),
        (_inferer(_target_="scripts.Inferer"), "scripts.Inferer"),
        (_inferer(roi_size=[96, -1, 96]), "as large as the image"),
        (_inferer(mode="gaussian", sigma_scale=0.25), "sigma_scale"),
        (_inferer(padding_mode="circular"), "circular"),
        (_inferer(overlap=[0.5, 0.25, 0.5]), "axis to axis"),
        (_inferer(overlap=1.5), "overlap"),
        (_inferer(roi_weight_map="$x"), "roi_weight_map"),
        (_after(SOFTMAX, ARGMAX, {"_target_": "scripts.Merge"}), "scripts.Merge"),
        (_after(SOFTMAX, ARGMAX, {"_target_": "FillHolesd"}), "FillHolesd"),
        (_after(SOFTMAX, ARGMAX, {"_target_": "Lambdad", "func": "$lambda x: x * 2"}), "x * 2"),
        (_after({"_target_": "AsDiscreted", "threshold": 0.3}), "sigmoid above 0.5"),
    ],
)
def test_what_is_not_supported_is_named(data: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        plan(write_bundle(tmp_path / "bundle", data))
    assert words in caught.value.cause
    assert caught.value.cure


def test_intensity_rules_in_a_row(tmp_path: Path) -> None:
    data = _before(_step("NormalizeIntensityd", nonzero=True), _step("ScaleIntensityd", minv=-1.0, maxv=1.0))
    card = plan(write_bundle(tmp_path / "a", data)).card
    second = Normalization("range", target=(-1.0, 1.0))
    assert card.preparation.normalization == (Normalization("zscore-nonzero", then=second),)
    assert card.preparation.spacing is None
    data = _before(
        _step("ScaleIntensityRangePercentilesd", lower=10, upper=90, b_min=0, b_max=2, clip=True, relative=True)
    )
    found = plan(write_bundle(tmp_path / "b", data)).card.preparation.normalization[0]
    assert (found.lower, found.upper, found.clip) == (10, 90, True)
    assert found.target == pytest.approx((0.2, 1.8))
    data = _before(_step("ScaleIntensityd"), _step("NormalizeIntensityd"))
    assert plan(write_bundle(tmp_path / "c", data)).card.preparation.normalization == (Normalization("zscore"),)


def test_statistics_of_all_channels_together_are_refused(tmp_path: Path) -> None:
    metadata = json.loads(json.dumps(METADATA))
    metadata["network_data_format"]["inputs"]["image"]["num_channels"] = 2
    two = {**CONFIGURATION["network_def"], "in_channels": 2}
    apart = {**_before(_step("NormalizeIntensityd", channel_wise=True)), "network_def": two}
    assert len(plan(write_bundle(tmp_path / "a", apart, metadata)).card.preparation.normalization) == 2
    with pytest.raises(ModelError, match="all input channels together"):
        plan(write_bundle(tmp_path / "b", {**apart, **_before(_step("ScaleIntensityd")), "network_def": two}, metadata))


def test_regions_are_painted_as_the_bundles_function_says(tmp_path: Path) -> None:
    merge = "$lambda x: torch.where(x[[2]] > 0, 4, torch.where(x[[0]] > 0, 1, torch.where(x[[1]] > 0, 2, 0)))"
    after = _after(
        {"_target_": "Activationsd", "sigmoid": True},
        {"_target_": "AsDiscreted", "threshold": 0.5},
        {"_target_": "Lambdad", "func": merge},
    )
    network = {"_target_": "SegResNet", "in_channels": 1, "out_channels": 3, "init_filters": 8, "blocks_down": [1, 1]}
    network["blocks_up"] = [1]
    folder = write_bundle(tmp_path / "regions", {**after, "network_def": network})
    found = plan(folder)
    assert found.outputs == (1, 0, 2)
    assert found.card.inference.output_values == (2, 1, 4)
    assert found.card.inference.activation == "sigmoid"
    theirs = their_weights(found)
    torch.save(theirs, folder / "models" / "model.pt")
    [package] = import_model(folder, tmp_path / "models")
    head = load_model(package).network().state_dict()["head.bias"]
    assert torch.equal(head, theirs["conv_final.2.conv.bias"][[1, 0, 2]])
    with pytest.raises(ModelError, match="another order"):
        plan(write_bundle(tmp_path / "unet", {**after, "network_def": CONFIGURATION["network_def"]}))


def test_the_largest_component_becomes_a_clean_up(tmp_path: Path) -> None:
    step = {"_target_": "KeepLargestConnectedComponentd", "applied_labels": [1, 2], "independent": False}
    card = plan(write_bundle(tmp_path / "bundle", _after(SOFTMAX, ARGMAX, step))).card
    assert card.postprocessing == (PostprocessingStep("keep-largest", (1, 2), together=True),)


def test_both_ways_of_cropping(tmp_path: Path) -> None:
    crop, scale = _step("CropForegroundd", source_key="image"), _step("ScaleIntensityd")
    late = plan(write_bundle(tmp_path / "late", _before(scale, crop))).card.preparation
    assert (late.crop_foreground, late.crop_nonzero) == (True, False)
    metadata = json.loads(json.dumps(METADATA))
    metadata["network_data_format"]["inputs"]["image"]["modality"] = "MRI"
    early = plan(write_bundle(tmp_path / "early", _before(crop, scale), metadata)).card.preparation
    assert (early.crop_foreground, early.crop_nonzero) == (False, True)


def test_slices_of_a_2d_network(tmp_path: Path) -> None:
    data = {
        **_before(_step("ScaleIntensityd")),
        "network_def": {**CONFIGURATION["network_def"], "spatial_dims": 2},
        "inferer": {"_target_": "SliceInferer", "roi_size": [64, 48], "spatial_dim": 0},
    }
    card = plan(write_bundle(tmp_path / "bundle", data)).card
    assert card.inference.patch == (1, 48, 64)
    assert card.preparation.transpose == (2, 0, 1)


@pytest.mark.parametrize("side", ["inputs", "outputs"])
def test_metadata_and_network_must_agree(side: str, tmp_path: Path) -> None:
    metadata = json.loads(json.dumps(METADATA))
    next(iter(metadata["network_data_format"][side].values()))["num_channels"] = 7
    with pytest.raises(ModelError, match="7 channels"):
        plan(write_bundle(tmp_path / "bundle", metadata=metadata))


@pytest.mark.parametrize(
    "metadata", [{}, {"network_data_format": 5, "references": {}, "eval_metrics": [1], "name": ["x"]}]
)
def test_metadata_may_say_little(metadata: dict[str, Any], tmp_path: Path) -> None:
    card = plan(write_bundle(tmp_path / "bundle", metadata={"a": 1, **metadata})).card
    assert [label.name for label in card.labels] == ["label 1", "label 2"]


def test_several_bundles_need_a_choice(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_bundle(tmp_path / "zoo" / name)
    with pytest.raises(ModelError, match="2 MONAI bundles"):
        import_model(tmp_path / "zoo", tmp_path / "models")


def test_yaml_bundles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML reads YAML bundles")
    folder = write_bundle(tmp_path / "bundle")
    expected = plan(folder).card
    (folder / "configs" / "inference.json").unlink()
    (folder / "configs" / "inference.yaml").write_text(yaml.safe_dump(CONFIGURATION))
    assert plan(folder).card == expected
    original = builtins.__import__

    def absent(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "yaml":
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(DependencyError, match="pip install pyyaml"):
        plan(folder)


def test_images_that_are_joined_become_channels(tmp_path: Path) -> None:
    both = {"keys": ["a", "b"]}
    steps = [
        {"_target_": "LoadImaged", "keys": ["a", "b", "label"]},
        {"_target_": "Orientationd", **both, "axcodes": "LPS"},
        {"_target_": "Spacingd", "keys": ["a", "b", "label"], "pixdim": 2, "mode": ["bilinear", "bilinear", "nearest"]},
        {"_target_": "ScaleIntensityd", "keys": "b"},
        {"_target_": "NormalizeIntensityd", "keys": "a"},
        {"_target_": "ConcatItemsd", "keys": ["b", "a"], "name": "image"},
    ]
    metadata = json.loads(json.dumps(METADATA))
    metadata["network_data_format"]["inputs"]["image"] = {"num_channels": 2, "channel_def": {"0": "T2", "1": "T1"}}
    network = {**CONFIGURATION["network_def"], "in_channels": 2}
    data = configuration(preprocessing=_steps(*steps), network_def=network)
    card = plan(write_bundle(tmp_path / "joined", data, metadata)).card
    assert [rule.kind for rule in card.preparation.normalization] == ["range", "zscore"]
    assert [channel.name for channel in card.inputs] == ["T2", "T1"]
    with pytest.raises(ModelError, match="does not join them"):
        plan(write_bundle(tmp_path / "apart", {**data, "preprocessing": _steps(*steps[:-1])}, metadata))


def test_clicks_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="clicks"):
        plan(write_bundle(tmp_path / "bundle", _before(_step("scripts.Own"), _step("AddGuidanceSignalDeepEditd"))))
