"""An IR out of a package is data: whatever else it holds is refused before the runtime reads it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_forms import ir_of, small_package, written
from phantoms import card, network_config

from UNetSegmentLib.errors import ModelError, UNetSegmentError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.inference import EngineSettings, Segmenter
from UNetSegmentLib.inference.backends.conversion import to_openvino
from UNetSegmentLib.inference.backends.ir_check import check_ir
from UNetSegmentLib.inference.backends.ir_network import IrNetwork
from UNetSegmentLib.models import load_model
from UNetSegmentLib.networks import build
from UNetSegmentLib.volume import Volume

openvino = pytest.importorskip("openvino", reason="IR is OpenVINO's")

Ir = tuple[bytes, bytes]


@pytest.fixture(scope="module")
def ir() -> Ir:
    torch.manual_seed(0)
    return ir_of(build(network_config(4)).eval(), 1, 3, levels=256)


def xml(change: Callable[[bytes], bytes]) -> Callable[[Ir], Ir]:
    def changed(ir: Ir) -> Ir:
        other = change(ir[0])
        assert other != ir[0]
        return other, ir[1]

    return changed


def first(pattern: bytes, new: bytes) -> Callable[[Ir], Ir]:
    return xml(lambda text: re.sub(pattern, new, text, count=1))


HOSTILE = {
    "an operation of an extension": (
        first(rb'type="MVN" version="opset6"', b'type="Evil" version="extension"'),
        "Evil",
    ),
    "a known name in another version": (first(rb'version="opset6"', b'version="custom"'), "custom"),
    "a loop": (first(rb'type="MVN"', b'type="TensorIterator"'), "TensorIterator"),
    "state": (first(rb'type="MVN"', b'type="Assign"'), "Assign"),
    "entities": (
        xml(lambda t: t.replace(b"?>", b'?><!DOCTYPE net [<!ENTITY a "b">]>', 1)),
        "declares types or entities",
    ),
    "entities in another encoding": (
        xml(lambda t: t.decode().replace("?>", '?><!DOCTYPE net [<!ENTITY a "b">]>', 1).encode("utf-16")),
        "not in UTF-8",
    ),
    "no XML": (lambda ir: (b"\x80\x02pickle", ir[1]), "it is no XML"),
    "another document": (lambda ir: (b"<html/>", ir[1]), "it is no network"),
    "an unknown encoding": (lambda ir: (b'<?xml version="1.0" encoding="evil"?><net/>', ir[1]), "it is no XML"),
    "constants cut short": (lambda ir: (ir[0], ir[1][:-1]), "does not fit"),
    "a constant before the file": (first(rb'offset="\d+"', b'offset="-8"'), "does not fit"),
    "a constant beyond the file": (first(rb'offset="\d+"', b'offset="99999999999"'), "does not fit"),
    "a constant of another size": (first(rb'size="\d+"', b'size="1"'), "does not fit"),
    "a constant beyond all numbers": (
        first(rb'element_type="f32" shape="" ', b'element_type="f32" shape="' + b"9" * 400 + b'" '),
        "does not fit",
    ),
    "a constant of unknown numbers": (
        first(rb'element_type="f32" shape="" ', b'element_type="str" shape="" '),
        "is not described",
    ),
    "two outputs": (
        xml(lambda t: t.replace(b'type="MVN" version="opset6"', b'type="Result" version="opset1"', 1)),
        "2 layers",
    ),
}


@pytest.mark.parametrize(("change", "named"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_ir_is_refused(ir: Ir, change: Callable[[Ir], Ir], named: str) -> None:
    check_ir(*ir, "It")
    with pytest.raises(ModelError, match=re.escape(named)) as caught:
        check_ir(*change(ir), "It")
    assert "form 'full'" in caught.value.cure


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_description_never_reaches_the_runtime_unseen(ir: Ir, data: st.DataObject) -> None:
    """Bytes changed anywhere: refused in words, or a network of allowed operations still."""
    text = bytearray(ir[0])
    for _ in range(data.draw(st.integers(1, 4))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    try:
        check_ir(bytes(text), ir[1], "It")
        IrNetwork([(bytes(text), ir[1])], "It")
    except UNetSegmentError as error:
        assert error.cause and error.cure


def test_a_map_without_end_is_refused() -> None:
    """Ten thousand times the voxels from an allowed operation; it must not be found out by allocating it."""
    import openvino.opset13 as ops

    image = ops.parameter([1, 1, 8, 8, 8], np.float32)
    huge = ops.tile(image, np.array([1, 100_000, 1, 1, 1], np.int64))
    model = openvino.Model([ops.reduce_mean(huge, np.array([1], np.int64), keep_dims=True)], [image])
    network = IrNetwork([written(model)], "It")
    with pytest.raises(ModelError, match="map of the size"):
        to_openvino(network, (1, 1, 8, 8, 8))


def test_another_grid_is_refused() -> None:
    import openvino.opset13 as ops

    image = ops.parameter([-1, 1, -1, -1, -1], np.float32)
    pooled = ops.max_pool(image, [2] * 3, [1] * 3, [0] * 3, [0] * 3, [2] * 3)
    network = IrNetwork([written(openvino.Model([pooled.output(0)], [image]))], "It")
    with pytest.raises(ModelError, match="does not suit tiles of 8 x 8 x 8 voxels"):
        to_openvino(network, (1, 1, 8, 8, 8))


def test_a_hostile_package_ends_in_words(ir: Ir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", classmethod(lambda cls: tmp_path))
    torch.manual_seed(0)
    change, named = HOSTILE["an operation of an extension"]
    package = small_package(card(4), [build(network_config(4))], tmp_path / "hostile", [change(ir)])
    segmenter = Segmenter(load_model(package), "cpu", settings=EngineSettings(form="int8"))
    with pytest.raises(ModelError, match=named):
        segmenter.segment(Volume(np.ones((1, 9, 13, 11), np.float32).cumsum(axis=1), Geometry((11, 13, 9))))
