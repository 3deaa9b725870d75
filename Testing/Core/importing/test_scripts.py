"""TorchScript and ONNX files: their contract, what is refused, and never a run before the user's word."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from programs import Levels, contract, onnx_model, write_contract, write_onnx, write_script
from torch import Tensor, nn

from UNetSegmentLib.errors import InputError, ModelError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.inference import Segmenter
from UNetSegmentLib.models import load_model
from UNetSegmentLib.models.importing import import_model, recognise
from UNetSegmentLib.models.importing.contract import read_contract, template
from UNetSegmentLib.models.importing.onnx_file import inspect
from UNetSegmentLib.models.importing.protobuf import WireError, fields
from UNetSegmentLib.models.trust import trusted_programs
from UNetSegmentLib.volume import Volume

needs_onnx = [pytest.importorskip(name, reason=f"{name} is not installed") for name in ("onnx", "onnxruntime")]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The list of trusted programs of these tests is not the user's."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setattr(Path, "home", classmethod(lambda cls: folder))
    return folder


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    return tmp_path / "models"


class Marks(nn.Module):
    """Leaves a file behind when it runs."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def forward(self, x: Tensor) -> Tensor:
        torch.save(x, self.path)
        return x


# -- what a good one gives -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["torchscript", "onnx"])
@pytest.mark.parametrize("way", ["user", "beside", "embedded", "zip"])
def test_an_imported_program_segments(tmp_path: Path, destination: Path, kind: str, way: str) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    inside = json.dumps(contract()) if way == "embedded" else None
    if kind == "torchscript":
        source = write_script(folder / "levels.ts", metadata=inside)
    else:
        source = write_onnx(folder / "levels.onnx", properties={"contract": inside} if inside else None)
    given = write_contract(tmp_path / "mine.json") if way == "user" else None
    if way in ("beside", "zip"):
        write_contract(folder / "contract.json")
        source = folder
    if way == "zip":
        source = tmp_path / "levels.zip"
        with zipfile.ZipFile(source, "w") as archive:
            for file in folder.iterdir():
                archive.write(file, f"levels/{file.name}")
    assert recognise(source) == kind
    (package,) = import_model(source, destination, trust=True, contract=given)
    model = load_model(package)
    assert model.card.network.architecture == kind
    assert [label.name for label in model.card.labels] == ["liver", "second level"]
    assert model.card.labels[0].terminology.type.meaning == "Liver"
    image = np.random.default_rng(0).uniform(-0.4, 2.4, (1, 20, 24, 16)).astype(np.float32)
    result = Segmenter(model, "cpu").segment(Volume(image, Geometry((16, 24, 20))))
    assert np.array_equal(result.segmentation.voxels, np.clip(np.rint(image[0]), 0, 2))


def test_axes_spacing_and_activation_reach_the_card(tmp_path: Path, destination: Path) -> None:
    source = write_script(tmp_path / "m.ts", Levels(2))
    given = write_contract(
        tmp_path / "c.json",
        axes="xyz",
        patch=[8, 12, 16],
        divisor=[4, 4, 4],
        spacing=[1, 2, 3],
        activation="sigmoid",
        orientation="RAS",
    )
    (package,) = import_model(source, destination, trust=True, contract=given)
    card = load_model(package).card
    assert card.preparation.transpose == (2, 1, 0)
    assert card.preparation.spacing == (1, 2, 3)
    assert card.inference.patch == (8, 12, 16)
    assert card.inference.output_values == (1, 2)
    assert card.network.out_channels == 2
    assert (card.network.fixed_patch, card.network.divisor) == (False, (4, 4, 4))


def test_a_2d_program(tmp_path: Path, destination: Path) -> None:
    source = write_onnx(tmp_path / "flat.onnx", (1, 1, "y", "x"))
    given = write_contract(tmp_path / "c.json", patch=[16, 16], divisor=[1, 1])
    (package,) = import_model(source, destination, trust=True, contract=given)
    model = load_model(package)
    assert (model.card.network.dimension, model.card.inference.patch) == (2, (1, 16, 16))
    assert model.network()(torch.full((1, 1, 24, 40), 1.2)).argmax(dim=1).unique().tolist() == [1]


def test_a_fixed_patch_is_known_to_the_card(tmp_path: Path, destination: Path) -> None:
    given = write_contract(tmp_path / "c.json", divisor=[1, 1, 1])
    (fixed,) = import_model(write_onnx(tmp_path / "fixed.onnx"), destination, "fixed", trust=True, contract=given)
    open_ = write_onnx(tmp_path / "open.onnx", ("n", 1, "z", "y", "x"))
    (free,) = import_model(open_, destination, "free", trust=True, contract=given)
    assert load_model(fixed).card.network.fixed_patch is True
    assert load_model(free).card.network.fixed_patch is False
    with pytest.raises(ModelError, match="failed on an input of 1 x 1 x 8 x 8 x 8"):
        load_model(fixed).network()(torch.zeros(1, 1, 8, 8, 8))


# -- trust -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["torchscript", "onnx"])
def test_without_the_users_word_nothing_is_loaded(
    tmp_path: Path, destination: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("the program was loaded")

    monkeypatch.setattr(torch.jit, "load", refuse)
    monkeypatch.setattr(needs_onnx[1], "InferenceSession", refuse)
    source = write_script(tmp_path / "m.ts") if kind == "torchscript" else write_onnx(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match=r"is a program.*--trust") as caught:
        import_model(source, destination, contract=write_contract(tmp_path / "c.json"))
    assert "your rights" in caught.value.cause
    assert trusted_programs() == []
    assert not destination.exists()


def test_a_script_runs_only_when_it_is_trusted(tmp_path: Path, destination: Path) -> None:
    """The trap goes off at the test run of a trusted import, so the test would notice an earlier one."""
    trap = tmp_path / "trap"
    source = write_script(tmp_path / "m.ts", Marks(str(trap)))
    given = write_contract(tmp_path / "c.json", labels=[{"value": 1, "name": "x"}], activation="sigmoid")
    recognise(source)
    with pytest.raises(ModelError, match="is a program"):
        import_model(source, destination, contract=given)
    assert not trap.exists()
    import_model(source, destination, trust=True, contract=given)
    assert trap.exists()


# -- contracts that do not do ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["torchscript", "onnx"])
def test_without_a_contract_a_template_is_given(tmp_path: Path, destination: Path, kind: str) -> None:
    if kind == "torchscript":
        source = write_script(tmp_path / "my model.ts")
    else:
        source = write_onnx(tmp_path / "my model.onnx", (1, 1, 32, 24), 4)
    with pytest.raises(ModelError, match="Nothing says what") as caught:
        import_model(source, destination, trust=True)
    filled = read_contract(caught.value.cure.partition("\n")[2], "template")
    assert filled.name == "my-model"
    if kind == "onnx":
        assert (filled.patch, len(filled.labels)) == ((32, 24), 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patch": None}, "lacks the field 'patch'"),
        ({"normalization": None}, "lacks the field 'normalization'"),
        ({"pacth": [1]}, "unknown field 'pacth'"),
        ({"patch": [16]}, "three numbers"),
        ({"patch": [16, 16, 0]}, "patch"),
        ({"patch": [16, 16, 1e9]}, "whole number"),
        ({"spacing": [1, 1]}, "3 numbers"),
        ({"spacing": [1, 1, -1]}, "positive"),
        ({"axes": "zyy"}, "another order"),
        ({"divisor": [5, 5, 5]}, "divide"),
        ({"activation": "relu"}, "softmax"),
        ({"inputs": []}, "input channel"),
        ({"orientation": "RRS"}, "axis codes"),
        ({"labels": [{"value": 1, "name": "a"}, {"value": 1, "name": "b"}]}, "value"),
        ({"normalization": [{"kind": "ct"}]}, "lower"),
        ({"labels": [{"value": 1, "name": "a", "color": [1, 2]}]}, "3 entries"),
    ],
    ids=str,
)
def test_a_wrong_field_is_named(tmp_path: Path, destination: Path, changes: dict, message: str) -> None:
    given = write_contract(tmp_path / "c.json", **changes)
    with pytest.raises(ModelError, match=message) as caught:
        import_model(write_script(tmp_path / "m.ts"), destination, trust=True, contract=given)
    assert "contract" in str(caught.value)
    assert not destination.exists()


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 5000])
def test_a_contract_that_is_none(tmp_path: Path, destination: Path, text: bytes) -> None:
    (tmp_path / "c.json").write_bytes(text)
    with pytest.raises(ModelError, match="contract"):
        import_model(write_script(tmp_path / "m.ts"), destination, trust=True, contract=tmp_path / "c.json")
    with pytest.raises(InputError, match="does not exist"):
        import_model(write_script(tmp_path / "m.ts"), destination, trust=True, contract=tmp_path / "no.json")


@pytest.mark.parametrize("kind", ["torchscript", "onnx"])
@pytest.mark.parametrize(
    "changes",
    [
        {"labels": [{"value": 1, "name": "one"}]},
        {"inputs": [{"name": n, "modality": "any"} for n in "ab"], "normalization": [{"kind": "none"}] * 2},
        {"patch": [16, 16]},
    ],
    ids=["outputs", "inputs", "dimension"],
)
def test_a_program_that_does_not_keep_its_contract(tmp_path: Path, destination: Path, kind: str, changes: dict) -> None:
    source = write_script(tmp_path / "m.ts") if kind == "torchscript" else write_onnx(tmp_path / "m.onnx")
    given = write_contract(tmp_path / "c.json", **changes)
    with pytest.raises(ModelError, match=r"contract|failed on an input"):
        import_model(source, destination, trust=True, contract=given)
    assert not destination.exists()
    assert trusted_programs() == []


def test_monais_metadata_is_no_contract(tmp_path: Path, destination: Path) -> None:
    source = write_script(tmp_path / "m.ts", metadata=json.dumps({"network_data_format": {}, "version": "1"}))
    with pytest.raises(ModelError, match="Nothing says what"):
        import_model(source, destination, trust=True)


def test_the_template_is_a_contract() -> None:
    assert read_contract(template("x", 2, 4, (32, 32)), "template").dimension == 2


# -- hostile files ---------------------------------------------------------------------------------------------------


def test_a_checkpoint_is_no_script(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "m.pt")
    with pytest.raises(ModelError, match="a checkpoint by itself"):
        recognise(tmp_path / "m.pt")


def test_a_broken_script(tmp_path: Path, destination: Path) -> None:
    source = write_script(tmp_path / "m.ts")
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(source, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, b"rubbish" if name.endswith(".py") else content)
    with pytest.raises(ModelError, match="not a TorchScript program"):
        import_model(source, destination, trust=True, contract=write_contract(tmp_path / "c.json"))


def spoilt(model: object, how: str) -> bytes:
    """A hostile or broken file made of a good one."""
    from onnx import TensorProto, helper

    weight = model.graph.initializer[0]  # type: ignore[attr-defined]
    if how in ("outside", "traversal", "beside"):
        place = {"outside": "/etc/passwd", "traversal": "../../secret", "beside": "weights.bin"}[how]
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value=place)
    elif how == "hollow":
        weight.ClearField("raw_data")
        weight.dims[:] = [1 << 30, 1 << 20]
    elif how == "axes":
        weight.dims[:] = [1] * 100
    elif how == "function":
        model.functions.add(name="own", domain="own")  # type: ignore[attr-defined]
    elif how == "two inputs":
        model.graph.input.add().CopyFrom(  # type: ignore[attr-defined]
            helper.make_tensor_value_info("other", TensorProto.FLOAT, [1, 1, 16, 16, 16])
        )
    elif how == "nested":
        inner = helper.make_graph([], "inner", [], [])
        for _ in range(30):
            node = helper.make_node("If", [], [], then_branch=inner)
            inner = helper.make_graph([node], "outer", [], [])
        model.graph.node.extend(inner.node)  # type: ignore[attr-defined]
    elif how == "hidden domain":
        branch = helper.make_graph([helper.make_node("Evil", [], [], domain="evil")], "inner", [], [])
        model.graph.node.append(helper.make_node("If", [], [], then_branch=branch))  # type: ignore[attr-defined]
    return model.SerializeToString()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("outside", "/etc/passwd"),
        ("traversal", "secret"),
        ("beside", "another file"),
        ("hollow", "does not hold"),
        ("axes", "100 axes"),
        ("function", "functions"),
        ("two inputs", "2 inputs"),
        ("nested", "nested too deeply"),
        ("hidden domain", "'evil'"),
    ],
)
def test_hostile_onnx_files(tmp_path: Path, destination: Path, how: str, message: str) -> None:
    source = tmp_path / "m.onnx"
    source.write_bytes(spoilt(onnx_model(), how))
    with pytest.raises(ModelError, match=message):
        import_model(source, destination, trust=True, contract=write_contract(tmp_path / "c.json"))
    assert not destination.exists()


def test_operators_from_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"com\.evil"):
        inspect(onnx_model(op="Run", domain="com.evil").SerializeToString(), "m.onnx")


def test_no_cut_and_no_flipped_byte_gets_past_the_reader_unhandled() -> None:
    content = onnx_model().SerializeToString()
    random = np.random.default_rng(0)
    for _ in range(300):
        spoilt = bytearray(content[: random.integers(1, len(content))])
        spoilt[random.integers(len(spoilt))] ^= 1 << random.integers(8)
        try:
            inspect(bytes(spoilt), "m.onnx")
        except ModelError as error:
            assert "m.onnx" in error.cause


def test_the_reader_agrees_with_onnx(tmp_path: Path) -> None:
    file = inspect(write_onnx(tmp_path / "m.onnx", (1, 1, "z", 8, 8), properties={"a": "b"}).read_bytes(), "m")
    assert [(port.name, port.shape) for port in file.inputs] == [("image", (1, 1, None, 8, 8))]
    assert [(port.name, port.shape) for port in file.outputs] == [("logits", (1, 3, None, 8, 8))]
    assert (file.properties, file.nodes) == ({"a": "b"}, 1)


@pytest.mark.parametrize("message", [b"\x0a\x05ab", b"\x08", b"\x08" + b"\xff" * 11, b"\x0b", b"\x0d\x00"])
def test_broken_messages(message: bytes) -> None:
    with pytest.raises(WireError):
        list(fields(memoryview(message)))


def test_rubbish_named_onnx(tmp_path: Path, destination: Path) -> None:
    for content in (b"", b"rubbish", io.BytesIO(bytes(1000)).getvalue()):
        (tmp_path / "m.onnx").write_bytes(content)
        with pytest.raises(ModelError, match=r"m\.onnx"):
            import_model(tmp_path / "m.onnx", destination, trust=True)
