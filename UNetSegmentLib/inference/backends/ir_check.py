"""OpenVINO's intermediate representation out of a package: checked as data before the runtime reads it.

An IR is a list of layers in XML, and the bytes of its constants. What a layer may be is the runtime's to decide, down
to loops, state and operations of extensions; here only plain functions of tensors pass, so that a file of a stranger
can compute a wrong answer at worst.
"""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

from ...errors import ModelError

_OPERATIONS = (
    "Parameter Const Result Convert ConvertLike "
    "Convolution ConvolutionBackpropData GroupConvolution GroupConvolutionBackpropData MatMul "
    "FakeQuantize FakeConvert "
    "MVN BatchNormInference GroupNormalization NormalizeL2 "
    "ReLU PReLU Elu Gelu Swish HSwish HardSigmoid HSigmoid Sigmoid SoftPlus SoftMax LogSoftmax Mish Selu Tanh Clamp "
    "Add Subtract Multiply Divide Power Sqrt SquaredDifference Maximum Minimum Abs Negative Exp Log Erf Floor Ceiling "
    "Round FloorMod Mod Equal NotEqual Less LessEqual Greater GreaterEqual LogicalAnd LogicalOr LogicalNot Select "
    "ReduceMean ReduceSum ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 "
    "MaxPool AvgPool AdaptiveAvgPool AdaptiveMaxPool Interpolate "
    "Concat Split VariadicSplit Slice StridedSlice Gather Reshape Squeeze Unsqueeze Transpose Pad Broadcast Tile Roll "
    "ShapeOf Range DepthToSpace SpaceToDepth ScaledDotProductAttention "
)
OPERATIONS = frozenset(_OPERATIONS.split())
"""Types of layers that may stand in an IR of a package."""

MAX_XML_BYTES = 64 << 20
MAX_LAYERS = 50_000

_OPSET = re.compile(r"opset(\d{1,2})")
_BITS = {"f64": 64, "f32": 32, "f16": 16, "bf16": 16, "i64": 64, "i32": 32, "i16": 16, "i8": 8, "i4": 4}
_BITS |= {"u64": 64, "u32": 32, "u16": 16, "u8": 8, "u4": 4, "boolean": 8, "u1": 1, "f8e4m3": 8, "f8e5m2": 8}


def check_ir(xml: bytes, weights: bytes, what: str) -> None:
    """Checks an IR: that it is one, of allowed operations, with one input and one output, and constants that lie within
    ``weights``.

    Args:
        xml, weights: what the ``.xml`` and the ``.bin`` file hold.
        what: what to call it in messages.

    Raises:
        ModelError: naming what was found.
    """
    if len(xml) > MAX_XML_BYTES:
        raise _refused(what, f"its description has {len(xml) >> 20} MB")
    # What is looked for as bytes below would hide in UTF-16.
    if b"\0" in xml:
        raise _refused(what, "its XML is not in UTF-8")
    # A declaration of entities can unfold to any size; no program that writes an IR makes one.
    if b"<!" in re.sub(rb"<!--.*?-->", b"", xml, flags=re.DOTALL):
        raise _refused(what, "its XML declares types or entities")
    try:
        root = ElementTree.fromstring(xml)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise _refused(what, f"it is no XML ({error})") from None
    if root.tag != "net" or root.get("version") not in ("10", "11"):
        raise _refused(what, "it is no network of version 10 or 11")
    layers = root.findall("layers/layer")
    if len(layers) > MAX_LAYERS:
        raise _refused(what, f"it has {len(layers)} layers")
    kinds = [_kind(layer, what) for layer in layers]
    for kind in ("Parameter", "Result"):
        if kinds.count(kind) != 1:
            raise _refused(what, f"it has {kinds.count(kind)} layers of the type {kind}, where one is expected")
    for layer, kind in zip(layers, kinds, strict=True):
        if kind == "Const":
            _check_constant(layer, len(weights), what)
    if any(True for _ in root.iter("body")):
        raise _refused(what, "it holds a network inside a layer")


def _kind(layer: ElementTree.Element, what: str) -> str:
    kind = layer.get("type") or ""
    if kind not in OPERATIONS or not _OPSET.fullmatch(layer.get("version") or ""):
        raise _refused(what, f"it holds the operation '{kind[:60]}' ({(layer.get('version') or 'no version')[:60]})")
    return kind


def _check_constant(layer: ElementTree.Element, available: int, what: str) -> None:
    data = layer.find("data")
    values = {} if data is None else data.attrib
    try:
        shape = [int(n) for n in values.get("shape", "").split(",") if n.strip()]
        offset, size = int(values["offset"]), int(values["size"])
        bits = _BITS[values["element_type"]]
    except (KeyError, ValueError):
        raise _refused(what, f"its constant '{(layer.get('name') or '')[:60]}' is not described") from None
    fits = min([0, *shape]) >= 0 and offset >= 0 and size == -(-math.prod(shape) * bits // 8)
    if not fits or offset + size > available:
        raise _refused(what, f"its constant '{(layer.get('name') or '')[:60]}' does not fit its {available} bytes")


def _refused(what: str, why: str) -> ModelError:
    return ModelError(
        f"{what} is not a network that is safe to run: {why}.",
        "Use the full weights (form 'full'), and get the model again from a source that you trust.",
    )
