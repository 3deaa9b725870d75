"""What plans, data set and checkpoint of nnU-Net become in a card."""

from __future__ import annotations

from pathlib import Path

import nnunet_files
import pytest
import torch
from nnunet_files import Results
from nnunet_imports import imported, refused

from UNetSegmentLib.errors import ModelError
from UNetSegmentLib.models import (
    ChannelIntensities,
    Normalization,
    TrainingFingerprint,
    load_model,
    read_card,
)
from UNetSegmentLib.models.importing import import_model, recognise


def test_a_whole_card(tmp_path: Path) -> None:
    card = imported(Results(folds=(0, 1)), tmp_path)
    assert card.name == "Dataset004_Hippocampus-3d_fullres"
    assert card.source == (
        "nnU-Net v2, Dataset004_Hippocampus, trainer nnUNetTrainer, plans nnUNetPlans, configuration 3d_fullres, "
        "folds 0, 1"
    )
    assert [label.name for label in card.labels] == ["Anterior", "Posterior"]
    assert card.labels[0].color != card.labels[1].color
    assert (card.inputs[0].name, card.inputs[0].modality) == ("MRI", "MR")
    assert card.network.features == (4, 6, 8)
    assert card.network.encoder_convs == (2, 1, 2)
    assert card.network.decoder_convs == (1, 2)  # ours from the full resolution down
    preparation, inference = card.preparation, card.inference
    assert preparation.crop_nonzero
    assert preparation.orientation is None
    assert preparation.spacing == (2.0, 1.0, 1.5)
    assert (preparation.image_order, preparation.output_order, preparation.anisotropy_threshold) == (3, 1, 3.0)
    assert inference.patch == (16, 24, 16)
    assert (inference.overlap, inference.weighting, inference.tiling) == (0.5, "gaussian", "even")
    assert inference.mirror_axes == (0, 1, 2)
    assert (inference.activation, inference.output_values) == ("softmax", (0, 1, 2))
    assert "260 cases" in card.training_data
    assert "nnU-Net" in card.citation
    assert card.licence == ""
    assert len(card.weights) == 2


def test_weights_reach_the_network_of_every_fold(tmp_path: Path) -> None:
    results = Results(folds=(0, 3))
    (path,) = import_model(results.write(tmp_path), tmp_path / "models")
    model = load_model(path)
    assert model.folds == 2
    for n, fold in enumerate((0, 3)):
        state, theirs = model.network(n).state_dict(), results.weights(fold)
        assert torch.equal(state["encoder.stages.2.1.conv.weight"], theirs["encoder.stages.2.0.convs.1.conv.weight"])
        assert torch.equal(state["decoder.stages.0.up.conv.weight"], theirs["decoder.transpconvs.1.weight"])
        assert torch.equal(state["heads.0.bias"], theirs["decoder.seg_layers.1.bias"])


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod."])
def test_prefixes_of_parallel_and_compiled_training(tmp_path: Path, prefix: str) -> None:
    assert imported(Results(prefix=prefix), tmp_path).network.features == (4, 6, 8)


def test_two_dimensions(tmp_path: Path) -> None:
    card = imported(Results("2d", dimension=2), tmp_path)
    assert card.network.dimension == 2
    assert card.preparation.spacing == (None, 1.0, 1.5)
    assert card.inference.patch == (1, 24, 16)
    assert card.inference.mirror_axes == (1, 2)


def test_the_older_plans(tmp_path: Path) -> None:
    """Of nnU-Net 2.0 to 2.3: a few numbers in place of the architecture."""
    results = Results()
    del results.own["architecture"]
    results.own.update(
        UNet_class_name="PlainConvUNet",
        UNet_base_num_features=4,
        unet_max_num_features=6,
        n_conv_per_stage_encoder=[2, 1, 2],
        n_conv_per_stage_decoder=[2, 1],
        num_pool_per_axis=[2, 2, 2],
        pool_op_kernel_sizes=[[1, 1, 1], [2, 2, 2], [2, 2, 2]],
        conv_kernel_sizes=[[1, 3, 3], [3, 3, 3], [3, 3, 3]],
    )
    results.plans["foreground_intensity_properties_by_modality"] = results.plans.pop(
        "foreground_intensity_properties_per_channel"
    )
    results.own["normalization_schemes"] = ["CTNormalization"]
    with pytest.raises(ModelError, match="not those of the network that the plans describe"):
        imported(results, tmp_path)
    results.own["unet_max_num_features"] = 320
    with pytest.raises(ModelError, match=r"is .* where the plans make it"):
        imported(results, tmp_path)


def test_older_plans_describe_the_same_network(tmp_path: Path) -> None:
    from UNetSegmentLib.models.importing.fields import Fields
    from UNetSegmentLib.models.importing.nnunet.architecture import network_config
    from UNetSegmentLib.models.importing.nnunet.plans import Plans

    old = {
        "patch_size": [40, 56, 40],
        "UNet_class_name": "ResidualEncoderUNet",
        "UNet_base_num_features": 32,
        "unet_max_num_features": 100,
        "n_conv_per_stage_encoder": [1, 3, 4],
        "n_conv_per_stage_decoder": [2, 1],
        "pool_op_kernel_sizes": [[1, 1, 1], [1, 2, 2], [2, 2, 2]],
        "conv_kernel_sizes": [[1, 3, 3], [3, 3, 3], [3, 3, 3]],
    }
    config = network_config(Plans("old", Fields({}, "plans"), Fields(old, "plans")), 1, 2)
    assert config.features == (32, 64, 100)
    assert config.kernels[0] == (1, 3, 3)
    assert config.strides[1] == (1, 2, 2)
    assert (config.block, config.decoder_block, config.stem_channels) == ("residual", "plain", 32)
    assert config.decoder_convs == (1, 2)
    assert (config.norm, config.norm_affine, config.bias, config.activation) == ("instance", True, True, "leaky_relu")


def test_configurations_inherit(tmp_path: Path) -> None:
    results = Results("small_batch", plans=nnunet_files.plans({"3d_fullres": nnunet_files.configuration()}))
    results.plans["configurations"]["middle"] = {"inherits_from": "3d_fullres", "spacing": [3.0, 3.0, 3.0]}
    results.plans["configurations"]["small_batch"] = {"inherits_from": "middle", "patch_size": [8, 8, 8]}
    card = imported(results, tmp_path)
    assert card.preparation.spacing == (3.0, 3.0, 3.0)
    assert card.inference.patch == (8, 8, 8)
    results.plans["configurations"]["3d_fullres"]["inherits_from"] = "small_batch"
    with pytest.raises(ModelError, match="inherit in a circle"):
        import_model(results.write(tmp_path / "other"), tmp_path / "others")


def normalisation(tmp_path: Path, scheme: str, mask: bool = False) -> Normalization:
    results = Results()
    results.own.update(normalization_schemes=[scheme], use_mask_for_norm=[mask])
    return imported(results, tmp_path).preparation.normalization[0]


def test_normalisations(tmp_path: Path) -> None:
    found = normalisation(tmp_path / "1", "CTNormalization")
    assert (found.kind, found.lower, found.upper, found.mean, found.std) == ("ct", -60.0, 200.0, 50.5, 25.25)
    assert normalisation(tmp_path / "2", "ZScoreNormalization").kind == "zscore"
    assert normalisation(tmp_path / "3", "ZScoreNormalization", mask=True).kind == "zscore-mask"
    assert normalisation(tmp_path / "4", "NoNormalization").kind == "none"
    found = normalisation(tmp_path / "5", "RescaleTo01Normalization")
    assert (found.kind, found.lower, found.upper, found.target) == ("range", None, None, (0.0, 1.0))
    found = normalisation(tmp_path / "6", "RGBTo01Normalization")
    assert (found.kind, found.lower, found.upper, found.target) == ("range", 0.0, 255.0, (0.0, 1.0))


def test_several_channels_and_regions(tmp_path: Path) -> None:
    results = Results(inputs=2, outputs=3)
    results.dataset["channel_names"] = {"1": "CT", "0": "T2-FLAIR"}
    results.dataset["labels"] = {
        "background": 0,
        "whole tumor": [1, 2, 3],
        "tumor core": [2, 3],
        "enhancing tumor": [3],
        "ignore": 4,
    }
    results.dataset["regions_class_order"] = [1, 2, 3]
    results.own.update(
        normalization_schemes=["ZScoreNormalization", "CTNormalization"], use_mask_for_norm=[True, False]
    )
    card = imported(results, tmp_path)
    assert [(c.name, c.modality) for c in card.inputs] == [("T2-FLAIR", "MR"), ("CT", "CT")]
    assert [n.kind for n in card.preparation.normalization] == ["zscore-mask", "ct"]
    assert (card.inference.activation, card.inference.output_values) == ("sigmoid", (1, 2, 3))
    names = ["whole tumor without tumor core", "tumor core without enhancing tumor", "enhancing tumor"]
    assert [label.name for label in card.labels] == names
    terms = [label.terminology.type.meaning for label in card.labels if label.terminology]
    assert terms == ["Neoplasm"] * 3


def test_the_ignore_label_has_no_output(tmp_path: Path) -> None:
    results = Results()
    results.dataset["labels"]["ignore"] = 3
    assert imported(results, tmp_path).inference.output_values == (0, 1, 2)


def test_transposed_axes_and_reoriented_images(tmp_path: Path) -> None:
    results = Results()
    results.plans.update(transpose_forward=[2, 0, 1], image_reader_writer="NibabelIOWithReorient")
    preparation = imported(results, tmp_path).preparation
    assert preparation.transpose == (2, 0, 1)
    assert preparation.orientation == "RAS"


def test_pictures_keep_their_pixels(tmp_path: Path) -> None:
    results = Results("2d", dimension=2)
    results.plans["image_reader_writer"] = "NaturalImage2DIO"
    assert imported(results, tmp_path).preparation.spacing is None


def test_resampling_that_has_an_equal(tmp_path: Path) -> None:
    results = Results()
    for what in ("data", "probabilities"):
        results.own[f"resampling_fn_{what}"] = "resample_torch_fornnunet"
        results.own[f"resampling_fn_{what}_kwargs"] = {
            "is_seg": False,
            "force_separate_z": False,
            "memefficient_seg_resampling": False,
        }
    preparation = imported(results, tmp_path / "1").preparation
    assert (preparation.image_order, preparation.output_order, preparation.anisotropy_threshold) == (1, 1, None)
    results = Results()
    for what in ("data", "probabilities"):
        results.own[f"resampling_fn_{what}_kwargs"]["separate_z_anisotropy_threshold"] = 2.5
    assert imported(results, tmp_path / "2").preparation.anisotropy_threshold == 2.5
    results = Results()
    for what in ("data", "seg", "probabilities"):
        results.own[f"resampling_fn_{what}"] = "no_resampling_hack"
        results.own[f"resampling_fn_{what}_kwargs"] = {}
    assert imported(results, tmp_path / "3").preparation.spacing is None


def test_folds_and_checkpoints(tmp_path: Path) -> None:
    results = Results(folds=(0, 1, "all"))
    assert len(imported(results, tmp_path / "1").weights) == 2
    assert len(imported(results, tmp_path / "2", folds=[1]).weights) == 1
    assert imported(results, tmp_path / "3", folds=["all"]).source.endswith("fold all")
    assert len(imported(Results(folds=("all",)), tmp_path / "4").weights) == 1
    assert len(imported(Results(checkpoint="checkpoint_best.pth"), tmp_path / "5").weights) == 1
    refused(results, tmp_path / "6", "no fold 4.*have: 0, 1, all", folds=[4])
    refused(Results(checkpoint="checkpoint_latest.pth"), tmp_path / "7", "neither checkpoint_final.*--checkpoint")
    best = imported(Results(checkpoint="checkpoint_latest.pth"), tmp_path / "8", checkpoint="checkpoint_latest.pth")
    assert len(best.weights) == 1


def test_no_mirroring(tmp_path: Path) -> None:
    assert imported(Results(further={"inference_allowed_mirroring_axes": None}), tmp_path).inference.mirror_axes == ()


def test_a_trainer_of_ones_own_is_mentioned(tmp_path: Path) -> None:
    assert "nnUNetTrainerMine" in imported(Results(trainer="nnUNetTrainerMine"), tmp_path / "1").description
    known = "nnUNetTrainer_DASegOrd0_NoMirroring"
    assert known not in imported(Results(trainer=known), tmp_path / "2").description


def test_a_folder_of_several(tmp_path: Path) -> None:
    Results().write(tmp_path)
    Results("2d", dimension=2).write(tmp_path)
    paths = import_model(tmp_path, tmp_path / "models", name="mine")
    assert sorted(path.name for path in paths) == ["mine-2d", "mine-3d_fullres"]
    (only,) = import_model(tmp_path / nnunet_files.DATASET, tmp_path / "more", configuration="2d")
    assert read_card(only).network.dimension == 2
    with pytest.raises(ModelError, match=r"no configuration '3d_lowres'.*has: 2d, 3d_fullres"):
        import_model(tmp_path, tmp_path / "none", configuration="3d_lowres")


def test_the_same_configuration_of_two_trainers(tmp_path: Path) -> None:
    Results().write(tmp_path)
    Results(trainer="nnUNetTrainer_50epochs").write(tmp_path)
    paths = import_model(tmp_path, tmp_path / "models")
    assert len({path.name for path in paths}) == 2


def test_a_renamed_folder(tmp_path: Path) -> None:
    folder = Results().write(tmp_path)
    renamed = folder.rename(tmp_path / "my model")
    assert recognise(renamed) == "nnunet"
    (path,) = import_model(renamed, tmp_path / "models")
    assert read_card(path).name == "Dataset004_Hippocampus-3d_fullres"


def test_batch_norm_by_its_trainer(tmp_path: Path) -> None:
    results = Results(trainer="nnUNetTrainerBN")
    weights = results.weights(0)
    for name in [name for name in weights if name.endswith(".norm.bias")]:
        for part in ("running_mean", "running_var"):
            weights[name.replace("bias", part)] = torch.ones_like(weights[name])
    results.further = {"network_weights": weights}
    assert imported(results, tmp_path / "1").network.norm == "batch"
    results.trainer = "nnUNetTrainerMine"
    refused(results, tmp_path / "2", "running_")


def test_the_licence_of_the_data_is_told_as_such(tmp_path: Path) -> None:
    results = Results()
    assert "no licence" in imported(results, tmp_path / "1").description
    results.dataset["licence"] = "CC-BY-SA 4.0"
    assert imported(results, tmp_path / "2").licence.startswith("CC-BY-SA 4.0 (of the training data")


@pytest.mark.parametrize(
    ("change", "there"),
    [
        (lambda results: None, True),
        (lambda results: results.plans["foreground_intensity_properties_per_channel"]["0"].pop("median"), False),
        (lambda results: results.plans["foreground_intensity_properties_per_channel"]["0"].update(median="48"), False),
        (lambda results: results.plans["foreground_intensity_properties_per_channel"]["0"].update(median=1e9), False),
        (lambda results: results.dataset.pop("numTraining"), False),
        (lambda results: results.dataset.update(numTraining=True), False),
    ],
)
def test_the_card_keeps_what_the_plans_say_of_the_training_cases(tmp_path: Path, change, there: bool) -> None:
    results = Results()
    change(results)
    known = imported(results, tmp_path).fingerprint
    expected = TrainingFingerprint(260, (ChannelIntensities(-60.0, 48.0, 200.0),))
    assert known == (expected if there else None)
