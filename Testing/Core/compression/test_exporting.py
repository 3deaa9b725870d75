"""Exported files give torch's answers, come back through our own importers, and are refused where they would not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import exported_models as small
import numpy as np
import pytest
import torch

from UNetSegmentLib.compression.exporting import Exported, ExportSettings, export
from UNetSegmentLib.compression.exporting.checking import BOUNDS, dice, synthetic
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.inference import Segmenter
from UNetSegmentLib.inference.backends.ir_check import check_ir
from UNetSegmentLib.models import Model, load_model
from UNetSegmentLib.models.importing import import_model
from UNetSegmentLib.models.onnx_session import OnnxSession
from UNetSegmentLib.volume import Volume

for _package in ("onnx", "onnxscript", "onnxruntime", "openvino"):
    pytest.importorskip(_package, reason=f"{_package} is not installed")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The list of trusted programs of these tests is not the user's."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setattr(Path, "home", classmethod(lambda cls: folder))
    return folder


def logits(model: Model, image: torch.Tensor) -> np.ndarray:
    """The mean over the folds, by torch."""
    with torch.inference_mode():
        return torch.stack([model.network(n)(image) for n in range(model.folds)]).mean(0).numpy()


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def segmented(model: Model, volume: Volume) -> np.ndarray:
    return Segmenter(model, "cpu", "balanced").segment(volume).segmentation.voxels


def volume(shape: tuple[int, int, int] = (20, 24, 20), channels: int = 1) -> Volume:
    voxels = synthetic((1, channels, *shape), 11)[0].numpy() * 100
    return Volume(voxels, Geometry(size=shape[::-1]), "synthetic")


def written(folder: Path, kind: str, model: Model, **settings: Any) -> Exported:
    name = {"onnx": "small.onnx", "torchscript": "small.ts", "openvino": "small-openvino"}[kind]
    return export(model, folder / name, kind, ExportSettings(**settings))


# -- the same answers -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def source() -> Model:
    return small.model(small.config(channels=2, classes=12, norm="batch", block="residual"))


@pytest.fixture(scope="module")
def dynamic_onnx(source: Model, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The ONNX file of ``source`` for patches of any size. Each file takes seconds to write."""
    return written(tmp_path_factory.mktemp("onnx"), "onnx", source, dynamic=True)


def test_onnx_of_any_size_in_onnx_runtime(source: Model, dynamic_onnx: Exported) -> None:
    run = OnnxSession(dynamic_onnx.path.read_bytes(), 1)
    for shape in ((1, 2, 16, 16, 16), (3, 2, 24, 8, 32)):
        image = synthetic(shape, 1)
        assert relative(run(image.numpy()), logits(source, image)) < 1e-4
    assert dynamic_onnx.agreement is not None
    assert dynamic_onnx.agreement.labels == 1
    assert dynamic_onnx.files == {"small.onnx": dynamic_onnx.path.stat().st_size}


def test_onnx_of_one_patch_holds_all_folds(tmp_path: Path) -> None:
    model = small.model(small.config(dimension=2), folds=2)
    done = written(tmp_path, "onnx", model, fold=None, patch=(1, 24, 32))
    run = OnnxSession(done.path.read_bytes(), 1)
    image = synthetic((4, 1, 24, 32), 1)
    assert relative(run(image.numpy()), logits(model, image)) < 1e-4
    assert any("2 folds" in note for note in done.notes)


def test_the_file_has_plain_operators_and_named_axes(dynamic_onnx: Exported) -> None:
    import onnx

    file = onnx.load(dynamic_onnx.path)
    assert [(entry.domain, entry.version) for entry in file.opset_import] == [("", 18)]
    assert {node.domain for node in file.graph.node} <= {"", "ai.onnx"}
    ports = (file.graph.input[0], file.graph.output[0])
    sizes = [[axis.dim_param or axis.dim_value for axis in port.type.tensor_type.shape.dim] for port in ports]
    assert sizes == [["batch", 2, "z", "y", "x"], ["batch", 12, "z", "y", "x"]]


def test_half_precision_is_in_the_graph_and_norms_stay_single(tmp_path: Path) -> None:
    import onnx

    model = small.model()
    done = written(tmp_path, "onnx", model, precision="fp16")
    file = onnx.load(done.path)
    half, single = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT
    types = {tensor.name: tensor.data_type for tensor in file.graph.initializer}
    for node in file.graph.node:
        wanted = {"Conv": half, "ConvTranspose": half, "InstanceNormalization": single}.get(node.op_type)
        if wanted is not None:
            assert types[node.input[1]] == wanted, node.op_type
    assert file.graph.input[0].type.tensor_type.elem_type == single
    image = synthetic((1, 1, 16, 16, 16), 1)
    expected = logits(model, image)
    assert 1e-6 < relative(OnnxSession(done.path.read_bytes(), 1)(image.numpy()), expected) < 1e-2


def test_large_maps_are_not_cut_into_pieces(tmp_path: Path) -> None:
    """On the CPU, torch convolves maps of 16 million numbers piece by piece to save memory: no matter of the file."""
    from UNetSegmentLib.compression.exporting.onnx_file import _recorded

    network = small.model().network(0)
    operators = [node.op_type for node in _recorded(network, (1, 1, 128, 128, 128), False).graph.node]
    assert operators.count("Conv") == 4
    assert not {"Slice", "Split", "ScatterND"} & set(operators)


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("dimension", [2, 3])
def test_openvino(tmp_path: Path, dimension: int, dynamic: bool) -> None:
    import openvino

    model = small.model(small.config(dimension=dimension))
    done = written(tmp_path, "openvino", model, dynamic=dynamic)
    assert sorted(done.files) == ["contract.json", "network.bin", "network.xml"]
    # Plain functions of tensors, as our own engine asks of such files.
    check_ir(*((done.path / name).read_bytes() for name in ("network.xml", "network.bin")), "the export")
    compiled = openvino.compile_model(done.path / "network.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    size = 24 if dynamic else 16
    image = synthetic((2, 1, *(size,) * dimension), 1)
    assert relative(compiled({"image": image.numpy()})["logits"], logits(model, image)) < 1e-4


def test_torchscript(tmp_path: Path) -> None:
    model = small.model(small.config(block="residual", norm="batch"))
    done = written(tmp_path, "torchscript", model, dynamic=True)
    script = torch.jit.load(done.path)
    image = synthetic((2, 1, 24, 16, 32), 1)
    with torch.inference_mode():
        assert relative(script(image).numpy(), logits(model, image)) < 1e-4


# -- and back ---------------------------------------------------------------------------------------------------------


def test_an_onnx_file_comes_back_as_a_model_without_any_option(
    tmp_path: Path, source: Model, dynamic_onnx: Exported
) -> None:
    same_model_again(source, dynamic_onnx, tmp_path / "models")


def test_a_torchscript_file_comes_back_as_a_model_without_any_option(tmp_path: Path) -> None:
    model = small.model(small.config(dimension=2, channels=2))
    same_model_again(model, written(tmp_path, "torchscript", model, dynamic=True), tmp_path / "models")


def same_model_again(model: Model, done: Exported, to: Path) -> None:
    (folder,) = import_model(done.path, to, trust=True)
    back = load_model(folder)
    assert back.card.name == f"small-{done.kind}"
    assert (back.card.labels, back.card.inputs) == (model.card.labels, model.card.inputs)
    assert (back.card.preparation, back.card.inference) == (model.card.preparation, model.card.inference)
    image = volume(channels=2)
    assert np.array_equal(segmented(back, image), segmented(model, image))


def test_a_real_case_keeps_its_labels(tmp_path: Path, shared_data: Path) -> None:
    from UNetSegmentLib.compression.cases import CompressionCase
    from UNetSegmentLib.io import read_volume

    image = sorted((shared_data / "msd_hippocampus" / "images").glob("*.nii.gz"))[0]
    case = CompressionCase(image.name, (image,))
    done = export("hippocampus-t1", tmp_path / "hippocampus.ts", "torchscript", cases=[case])
    assert done.agreement is not None
    assert done.agreement.labels >= 0.9999
    assert image.name in done.agreement.on
    (folder,) = import_model(done.path, tmp_path / "models", trust=True)
    whole = read_volume(image)
    assert np.array_equal(segmented(load_model(folder), whole), segmented(load_model("hippocampus-t1"), whole))


# -- the judge --------------------------------------------------------------------------------------------------------


def test_dice_of_known_label_maps() -> None:
    expected, given = (torch.zeros(1, 3, 1, 2, 4) for _ in range(2))
    expected[0, 1, 0, 0, :] = 1  # four voxels of label 1, four of background
    given[0, 1, 0, 0, :2] = 1
    given[0, 2, 0, 1, 0] = 1  # found nowhere by the first: does not count
    assert dice(expected, given, "softmax") == pytest.approx(2 * 2 / (4 + 2))
    assert dice(torch.zeros(1, 3, 1, 2, 4), given, "softmax") == 1
    assert dice(expected, given, "sigmoid") == pytest.approx(2 * 2 / (4 + 2))


@pytest.mark.parametrize("precision", sorted(BOUNDS))
def test_another_network_is_never_declared_good(tmp_path: Path, precision: str) -> None:
    """A judge that lets everything pass would not be one."""
    from UNetSegmentLib.compression.exporting.checking import check, compare, synthetic_tiles
    from UNetSegmentLib.compression.exporting.source import open_source
    from UNetSegmentLib.errors import ModelError
    from UNetSegmentLib.progress import Stage

    first, second = small.model(), small.model(folds=2).network(1)
    source = open_source(first, "onnx", ExportSettings())
    agreed = compare(source, second, synthetic_tiles(source), "synthetic images", Stage("compare", 2))
    with pytest.raises(ModelError, match="does not give the answers"):
        check(agreed, precision)
    check(compare(source, source.reference, synthetic_tiles(source), "itself", Stage("compare", 2)), precision)
