"""Results of nnU-Net that cannot be imported: what stands in the way is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from nnunet_files import Results
from nnunet_imports import refused

from UNetSegmentLib.errors import ModelError
from UNetSegmentLib.models import (
    read_card,
)
from UNetSegmentLib.models.importing import import_model


def change(path: str, value: Any) -> Any:
    """Sets an entry of plans (or of ``dataset``), given as ``own.spacing`` and the like."""

    def apply(results: Results) -> None:
        first, *keys, last = path.split(".")
        entry = getattr(results, first)
        for key in keys:
            entry = entry[key]
        entry[last] = value

    return apply


ARGUMENTS = "own.architecture.arch_kwargs"
REFUSED = {
    "unknown network": (
        change("own.architecture.network_class_name", "mymodule.UMambaBot"),
        "needs the network 'mymodule.UMambaBot'.*ONNX",
    ),
    "primus": (
        change("own.architecture.network_class_name", "dynamic_network_architectures.architectures.primus.Primus"),
        "needs the network 'Primus'",
    ),
    "bottleneck blocks": (change(f"{ARGUMENTS}.block", "x.residual.BottleneckD"), "block 'BottleneckD'"),
    "norm after activation": (change(f"{ARGUMENTS}.nonlin_first", True), "argument 'nonlin_first'"),
    "unknown argument": (change(f"{ARGUMENTS}.squeeze_excitation", True), "argument 'squeeze_excitation'"),
    "unknown activation": (change(f"{ARGUMENTS}.nonlin", "torch.nn.PReLU"), "activation 'PReLU'"),
    "a class that is no layer": (change(f"{ARGUMENTS}.norm_op", "os.system"), "needs 'os.system'"),
    "norm of another dimension": (change(f"{ARGUMENTS}.norm_op", "torch.nn.InstanceNorm2d"), "in a 3D network"),
    "unknown normaliser": (change("own.normalization_schemes", ["MyNormalization"]), "'MyNormalization'.*CTNorm"),
    "unknown reader": (change("plans.image_reader_writer", "MyIO"), "image reader 'MyIO'.*SimpleITKIO"),
    "unknown resampling": (change("own.resampling_fn_data", "my_resampling"), "resampling 'my_resampling'"),
    "order 2": (change("own.resampling_fn_data_kwargs.order", 2), "order 2"),
    "order_z": (change("own.resampling_fn_data_kwargs.order_z", 1), "order_z 1"),
    "forced separate z": (change("own.resampling_fn_data_kwargs.force_separate_z", True), "force_separate_z"),
    "unlike resampling": (change("own.resampling_fn_data_kwargs.force_separate_z", False), "differs in kind"),
    "label manager": (change("plans.label_manager", "MyManager"), "label manager is 'MyManager'"),
    "preprocessor": (change("own.preprocessor_name", "MyPreprocessor"), "preprocessor is 'MyPreprocessor'"),
    "no patch": (change("own.patch_size", None), "'patch_size' is missing"),
    "patch of text": (change("own.patch_size", "large"), "'patch_size' is .large.; expected is a list"),
    "patch of four": (change("own.patch_size", [1, 2, 3, 4]), "two or three positive"),
    "spacing zero": (change("own.spacing", [0, 1, 1]), "'spacing'.*positive"),
    "strides of another length": (change(f"{ARGUMENTS}.strides", [[1, 1, 1]]), "'strides'.*3 entries"),
    "stages without end": (change(f"{ARGUMENTS}.n_stages", 10**9), "'n_stages'"),
    "convolutions without end": (change(f"{ARGUMENTS}.n_conv_per_stage", [2, 10**12, 2]), "encoder_convs"),
    "patch without end": (change("own.patch_size", [10**9] * 3), "'patch_size'.*up to"),
    "strides without end": (change(f"{ARGUMENTS}.strides", [[1] * 3, [10**9] * 3, [2] * 3]), "'strides'"),
    "infinite label": (change("dataset.labels.Anterior", float("inf")), "'Anterior' is Infinity"),
    "mirroring that is no list": (lambda r: r.further.update(inference_allowed_mirroring_axes=True), "mirroring"),
    "features as text": (change(f"{ARGUMENTS}.features_per_stage", ["a", 2, 3]), "'features_per_stage'.*numbers"),
    "transpose twice": (change("plans.transpose_forward", [0, 0, 1]), "transpose_forward.*some order"),
    "no channels": (change("dataset.channel_names", None), "'channel_names' is missing"),
    "channels unnumbered": (change("dataset.channel_names", {"a": "CT"}), "numbered from 0"),
    "no background": (change("dataset.labels", {"liver": 1}), "'background'"),
    "no foreground": (change("dataset.labels", {"background": 0}), "no label but the background"),
    "label of text": (change("dataset.labels.Anterior", "one"), "'Anterior' is .one."),
    "regions without order": (change("dataset.labels.Posterior", [1, 2]), "'regions_class_order' is missing"),
    "more labels than outputs": (change("dataset.labels.Third", 3), "not those of the network"),
    "mirroring a fourth axis": (lambda r: r.further.update(inference_allowed_mirroring_axes=(3,)), "mirroring"),
    "configuration not in the plans": (
        lambda r: r.further.update(init_args={"configuration": "9d"}),
        "no config.* '9d'",
    ),
    "weights that are none": (lambda r: r.further.update(network_weights=[1, 2]), "no dictionary of tensors"),
    "no weights": (lambda r: r.further.update(network_weights=None), "no dictionary of tensors"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_run_is_named(tmp_path: Path, case: str) -> None:
    alter, words = REFUSED[case]
    results = Results()
    alter(results)
    refused(results, tmp_path, words)


@pytest.mark.parametrize("name", ["plans.json", "dataset.json"])
@pytest.mark.parametrize("content", ["", "{", "[1]", "NaN", "[" * 100_000])
def test_broken_files(tmp_path: Path, name: str, content: str) -> None:
    folder = Results().write(tmp_path)
    (folder / name).write_text(content)
    with pytest.raises(ModelError, match=name):
        import_model(folder, tmp_path / "models")


def test_a_missing_or_further_tensor_is_named(tmp_path: Path) -> None:
    results = Results()
    weights = results.weights(0)
    lacking = {name: tensor for name, tensor in weights.items() if name != "decoder.transpconvs.0.bias"}
    results.further = {"network_weights": lacking}
    refused(results, tmp_path / "1", "no 'decoder.transpconvs.0.bias'")
    results.further = {"network_weights": {**weights, "mamba.A_log": torch.zeros(3)}}
    refused(results, tmp_path / "2", "'mamba.A_log'")
    results.further = {"network_weights": {**weights, "decoder.seg_layers.1.bias": torch.zeros(7)}}
    refused(results, tmp_path / "3", "is \\(7,\\) where the plans make it \\(3,\\)")


def test_another_model_of_that_name_stays(tmp_path: Path) -> None:
    from UNetSegmentLib.errors import OutputError

    results = Results(folds=(0, 1))
    folder = results.write(tmp_path)
    import_model(folder, tmp_path / "models", name="mine", folds=[0])
    import_model(folder, tmp_path / "models", name="mine", folds=[1])  # the same model may come again
    other = Results("2d", dimension=2).write(tmp_path / "other")
    with pytest.raises(OutputError, match=r"another model called 'mine'.*--name"):
        import_model(other, tmp_path / "models", name="mine")
    assert read_card(tmp_path / "models" / "mine").network.dimension == 3
    with pytest.raises(ModelError, match=r"'my model' cannot be the name.*my-model"):
        import_model(folder, tmp_path / "models", name="my model")
