"""INT8 packages: what they hold, how near they are, which layers are returned, and what is refused."""

from __future__ import annotations

import importlib.metadata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from level_cases import write_cases

from UNetSegmentLib.compression.calibration import calibration_tiles
from UNetSegmentLib.compression.cases import find_cases
from UNetSegmentLib.compression.quantization import control, quantizing
from UNetSegmentLib.compression.quantization import fold as folds
from UNetSegmentLib.compression.quantization.recipe import QuantizationRecipe
from UNetSegmentLib.errors import Cancelled, DependencyError, InputError, ModelError, OutputError
from UNetSegmentLib.models import load_model, save_model
from UNetSegmentLib.networks import build
from UNetSegmentLib.networks.config import OpaqueNetwork
from UNetSegmentLib.progress import CancelToken

pytest.importorskip("nncf")
pytest.importorskip("openvino")

from UNetSegmentLib.compression.quantization.ir import IrModule, free_model, ir_files
from UNetSegmentLib.compression.quantization.nncf_calls import post_training
from UNetSegmentLib.compression.quantization.sensitivity import (
    answers,
    layer_title,
    output_error,
    quantized_layers,
    released,
    sensitivities,
)

TILES = [np.random.default_rng(n).normal(size=(1, 1, 16, 16, 16)).astype(np.float32) for n in range(6)]


@pytest.fixture(scope="module")
def package(level_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network with norms and random weights, of two folds."""
    card = load_model(level_package).card
    network = replace(card.network, norm="instance", activation="leaky_relu", features=(8, 16))
    torch.manual_seed(0)
    states = [build(network).state_dict() for _ in range(2)]
    folder = tmp_path_factory.mktemp("random") / "random"
    return save_model(replace(card, name="random", network=network), states, folder)


@pytest.fixture(scope="module")
def models(package: Path) -> tuple[torch.nn.Module, object, object]:
    """The network, its OpenVINO form and that in 8 bits."""
    network = load_model(package).network(0)
    original = free_model(network, 1, TILES[0])
    return network, original, post_training(original, TILES, "mixed")


@pytest.fixture(scope="module")
def result(package: Path, level_cases: Path, tmp_path_factory: pytest.TempPathFactory):
    output = tmp_path_factory.mktemp("out") / "small"
    recipe = QuantizationRecipe(max_loss=0.5, tiles=8)
    return quantizing.quantize(package, output, level_cases, recipe)


def test_the_openvino_form_takes_any_size_and_gives_the_same(models) -> None:
    network, original, _ = models
    for shape in ((1, 1, 16, 16, 16), (2, 1, 8, 24, 32)):
        image = torch.randn(shape, generator=torch.Generator().manual_seed(1))
        with torch.inference_mode():
            expected = network(image)
        torch.testing.assert_close(IrModule(original)(image), expected, atol=1e-4, rtol=1e-4)


def test_every_convolution_is_in_8_bits_and_the_answer_is_near(models) -> None:
    _, original, quantized = models
    kinds = {node.get_friendly_name(): node.get_type_name() for node in original.get_ordered_ops()}
    convolutions = {name for name, kind in kinds.items() if kind.startswith("Convolution")}
    assert set(quantized_layers(quantized)) == convolutions and len(convolutions) == 5
    assert quantized_layers(original) == []
    # 8 bits: a part in 127 of the range for each of the few layers in a row.
    assert 0 < output_error(quantized, answers(original, TILES), TILES) < 0.1
    xml, weights = ir_files(quantized)
    assert xml.startswith(b"<?xml") and len(weights) < len(ir_files(original)[1]) / 2


def test_releasing_all_layers_gives_the_float_network_back(models) -> None:
    _, original, quantized = models
    expected = answers(original, TILES[:2])
    free = released(quantized, original, quantized_layers(quantized))
    assert quantized_layers(free) == []
    # What is left are roundings of activations between layers, where NNCF placed any.
    assert output_error(free, expected, TILES[:2]) < output_error(quantized, expected, TILES[:2])


def test_the_harm_of_a_layer_is_found(models) -> None:
    """A layer whose weights are spoiled is the most harmful one, whatever the others do."""
    import openvino.opset13 as ops

    _, original, quantized = models
    spoiled = quantized.clone()
    victim = quantized_layers(spoiled)[2]
    node = next(node for node in spoiled.get_ordered_ops() if node.get_friendly_name() == victim)
    weights = node.input_value(1)
    node.input(1).replace_source_output(ops.multiply(weights, np.float32(-1)).output(0))
    spoiled.validate_nodes_and_infer_types()
    ranked = sensitivities(spoiled, original, TILES[:2])
    assert ranked[0].layer == victim and ranked[0].error > 3 * ranked[1].error
    assert len(ranked) == len(quantized_layers(quantized))


def test_layers_have_the_names_of_the_network(models) -> None:
    network, _, quantized = models
    names = {name for name, _ in network.named_modules()}
    assert {layer_title(name) for name in quantized_layers(quantized)} <= names


def test_layers_that_are_named_stay_in_float(models) -> None:
    _, original, quantized = models
    names = quantized_layers(quantized)[:2]
    assert set(quantized_layers(post_training(original, TILES[:2], "mixed", names))).isdisjoint(names)


@pytest.mark.parametrize("needed", range(12))
def test_no_more_layers_are_released_than_it_takes(needed: int) -> None:
    """A model is the number of its float layers; each worst layer that stays in 8 bits costs 0.01."""
    order = [f"layer{n}" for n in range(12)]
    tries = []

    def measured(model: int) -> tuple[float, None]:
        tries.append(model)
        return 0.01 * max(needed - model, 0), None

    found = control.within_loss(len, measured, lambda model: order, 0.001)
    assert found.released == tuple(order[:needed])
    assert len(tries) <= 10


def test_the_best_that_was_tried_is_told_where_nothing_helps() -> None:
    found = control.within_loss(len, lambda model: (0.5 - 0.01 * model, None), lambda model: list("abcdefgh"), 0.1)
    assert found.loss == pytest.approx(0.43) and len(found.released) == 7


def test_the_package_carries_the_form_of_every_fold_with_its_digests(result, package: Path) -> None:
    model, source = load_model(result.package), load_model(package)
    (form,) = model.card.forms
    assert form.kind == "int8-openvino"
    assert form.files == (("int8-fold0.xml", "int8-fold0.bin"), ("int8-fold1.xml", "int8-fold1.bin"))
    assert all(name in model.card.digests for names in form.files for name in names)
    assert [model.card.digests[name] for name in model.card.weights] == list(source.digests)
    assert "nncf" in form.made_with and "openvino" in form.made_with
    assert "8 tiles of 3 cases" in form.calibration
    assert form.accuracy is not None and form.accuracy.cases == 3
    assert form.accuracy.source_dice - form.accuracy.dice <= 0.5
    assert 0 < form.accuracy.agreement <= 1
    assert result.speed and result.loss is not None
    # A byte for each weight instead of four; so small a network's description outweighs that.
    assert len(model.form_files("int8-openvino", 0)[1]) < result.bytes_before / 2 / 2


def test_the_files_are_the_network(result, package: Path, level_cases: Path) -> None:
    import openvino

    model = load_model(result.package)
    xml, weights = model.form_files("int8-openvino", 1)
    quantized = openvino.Core().read_model(xml, weights)
    tiles = list(calibration_tiles(model, find_cases(level_cases, model.card), 3, seed=9))
    expected = answers(free_model(load_model(package).network(1), 1, TILES[0]), tiles)
    assert output_error(quantized, expected, tiles) < 0.1


def test_a_package_that_has_an_int8_form_is_refused_unless_told(result, level_cases: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has an INT8 form already"):
        quantizing.quantize(result.package, tmp_path / "again", level_cases, QuantizationRecipe())
    with pytest.raises(OutputError, match="is the model that is to be compressed"):
        quantizing.quantize(result.package, result.package, level_cases, QuantizationRecipe(again=True))


def test_a_package_is_replaced_only_where_that_was_asked(package: Path, level_cases: Path, tmp_path: Path) -> None:
    model = load_model(package)
    older = save_model(replace(model.card, name="older"), [model.network().state_dict()] * 2, tmp_path / "older")
    recipe = QuantizationRecipe(max_loss=0.5, tiles=2)
    with pytest.raises(OutputError, match="holds a model already"):
        quantizing.quantize(package, older, level_cases, recipe)
    assert load_model(older).card.name == "older"
    quantizing.quantize(package, older, level_cases, recipe, force=True)
    assert load_model(older).card.name == "random"


def test_a_loss_that_cannot_be_reached_writes_nothing_unless_told(
    package: Path, level_cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images alone are compared with the full network's own answer, which random weights cannot keep. That layers are
    returned is tested by itself."""
    monkeypatch.setattr(folds, "sensitivities", lambda *_: [])
    monkeypatch.setattr(folds, "PRESETS", ("mixed",))
    model = load_model(package)
    single = save_model(model.card, [model.network(0).state_dict()], tmp_path / "one")
    recipe = QuantizationRecipe(max_change=0.0, tiles=2, most_measured=1)
    with pytest.raises(ModelError, match="could not be reached: the best INT8 form loses"):
        quantizing.quantize(single, tmp_path / "out", level_cases / "images", recipe)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one"]
    result = quantizing.quantize(single, tmp_path / "out", level_cases / "images", replace(recipe, unreached=True))
    assert result.before is None and any("more than the 0 asked" in note for note in result.notes)
    assert any("no labels" in note for note in result.notes)
    assert load_model(tmp_path / "out").card.forms[0].accuracy is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"licence": "CC-BY-NC-ND 4.0"}, "forbids derivatives"),
        ({"licence": "CC BY NC ND 4.0"}, "forbids derivatives"),
        ({"licence": "cc_by_nd_4.0"}, "forbids derivatives"),
        ({"licence": "Free for research. No derivatives."}, "forbids derivatives"),
        ({"network": OpaqueNetwork(3, 1, 3, (1, 1, 1), architecture="torchscript")}, "a TorchScript file"),
        ({"network": OpaqueNetwork(3, 1, 3, (1, 1, 1), architecture="onnx")}, "an ONNX file"),
    ],
)
def test_models_that_may_not_or_cannot_be_changed(changes: dict, words: str, package: Path) -> None:
    model = load_model(package)
    model.card = replace(model.card, **changes)
    with pytest.raises(ModelError, match=words):
        quantizing.check_quantizable(model, QuantizationRecipe())


def test_licences_that_allow_derivatives_are_not_refused(package: Path) -> None:
    model = load_model(package)
    for licence in ("Weights CC-BY-SA 4.0, as the training data", "Apache-2.0", "CC0", "CC-BY-NC 4.0", ""):
        model.card = replace(model.card, licence=licence)
        quantizing.check_quantizable(model, QuantizationRecipe())


def test_a_missing_package_is_named(package: Path, level_cases: Path, tmp_path: Path, monkeypatch) -> None:
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name == "nncf":
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    with pytest.raises(DependencyError, match=r"nncf is not installed.*pip install 'unetsegment\[compress\]'"):
        quantizing.quantize(package, tmp_path / "out", level_cases, QuantizationRecipe())


def test_a_network_that_openvino_computes_otherwise_is_refused() -> None:
    class Noise(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + torch.randn_like(x)

    with pytest.raises(ModelError, match="OpenVINO"):
        free_model(Noise().eval(), 1, TILES[0])


def test_cancelling_leaves_nothing(package: Path, level_cases: Path, tmp_path: Path) -> None:
    token = CancelToken()
    with pytest.raises(Cancelled):
        quantizing.quantize(
            package,
            tmp_path / "out",
            level_cases,
            QuantizationRecipe(tiles=4),
            progress=lambda event: token.cancel() if event.stage == "measure INT8" else None,
            cancel=token,
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("values", [{"max_loss": -0.1}, {"max_loss": float("nan")}, {"tiles": 0}, {"tiles": 10**6}])
def test_recipes_that_make_no_sense(values: dict) -> None:
    with pytest.raises(InputError):
        QuantizationRecipe(**values)


def test_too_few_cases_and_wrong_outputs(package: Path, tmp_path: Path) -> None:
    (tmp_path / "cases").mkdir()
    write_cases(tmp_path / "cases", 1)
    with pytest.raises(InputError, match="too few"):
        quantizing.quantize(package, tmp_path / "out", tmp_path / "cases", QuantizationRecipe())
    with pytest.raises(OutputError, match="does not exist"):
        quantizing.quantize(package, tmp_path / "no" / "out", tmp_path / "cases", QuantizationRecipe())
    with pytest.raises(OutputError, match="no model"):
        quantizing.quantize(package, tmp_path / "cases", tmp_path / "cases", QuantizationRecipe())
