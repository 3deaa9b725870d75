"""The chain of transforms behind the network: how its output becomes labels, and what is resampled back."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any

from ...card import PostprocessingStep
from .configuration import Component, chain, is_own_code
from .refusal import refused
from .values import flag, for_key, keys, wholes

_WITHOUT_EFFECT = {
    "CopyItemsd",
    "DeleteItemsd",
    "EnsureTyped",
    "FromMetaTensord",
    "Identityd",
    "SaveImaged",
    "SelectItemsd",
    "ToDeviced",
    "ToMetaTensord",
    "ToNumpyd",
    "ToTensord",
}


@dataclass(frozen=True)
class Outputs:
    """What a bundle makes of its network's output.

    Attributes:
        activation, restored: see :class:`~UNetSegmentLib.models.card.InferenceContract`.
        painted: (channel, label value) in the order in which regions are painted; None for one value per channel.
        steps: clean-ups.
        notes: where we do the same thing a little differently.
    """

    activation: str
    restored: str
    painted: tuple[tuple[int, int], ...] | None
    steps: tuple[PostprocessingStep, ...]
    notes: tuple[str, ...]


@dataclass
class _State:
    channels: int
    form: str = "logits"  # then probabilities, labels or masks
    activation: str = ""
    restored: str = ""
    one_hot: bool = False
    painted: tuple[tuple[int, int], ...] | None = None
    steps: list[PostprocessingStep] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_postprocessing(value: Any, channels: int) -> Outputs:
    """What a chain of transforms on ``pred`` means.

    Args:
        value: the resolved ``postprocessing`` entry, None for none.
        channels: of the network's output.

    Raises:
        ModelError: a step that cannot be done faithfully, by name.
    """
    state = _State(channels)
    for step in chain(value, "postprocessing"):
        if is_own_code(step):
            raise refused(f"its postprocessing runs a program of its own ('{step.full_target}')")
        if step.target in _WITHOUT_EFFECT:
            continue
        if step.target not in _STEPS:
            raise refused(f"the postprocessing '{step.target}' is not supported")
        if "pred" not in keys(step.get("keys", "pred")):
            continue
        step.ignore("allow_missing_keys")
        _STEPS[step.target](step, state)
        step.finish()
    activation = state.activation or ("sigmoid" if channels == 1 else "softmax")
    restored = state.restored or ("labels" if state.form in ("labels", "masks") else "logits")
    return Outputs(activation, restored, state.painted, tuple(state.steps), tuple(state.notes))


def _own(step: Component, name: str, default: Any) -> Any:
    """The argument that concerns the network's output."""
    return for_key(step.get(name, default), keys(step.get("keys", "pred")), "pred", name)


def _activate(step: Component, state: _State) -> None:
    step.ignore("dim")
    softmax, sigmoid = (bool(_own(step, name, False)) for name in ("softmax", "sigmoid"))
    if step.get("other") is not None or (softmax and sigmoid):
        raise refused("its 'Activationsd' is neither softmax nor sigmoid")
    if not softmax and not sigmoid:
        return
    if state.form != "logits" or state.activation:
        raise refused("it activates the network's output twice")
    state.activation, state.form = ("softmax" if softmax else "sigmoid"), "probabilities"


def _discretise(step: Component, state: _State) -> None:
    step.ignore("dim", "keepdim", "dtype")
    if step.get("rounding") is not None:
        raise refused("its 'AsDiscreted' rounds")
    argmax, threshold = _own(step, "argmax", False), _own(step, "threshold", None)
    if argmax and state.form in ("logits", "probabilities"):
        if state.activation == "sigmoid":
            if state.restored == "probabilities":
                raise refused("it takes the largest of several sigmoids")
            # The largest sigmoid is the largest logit, as with softmax.
            state.activation = "softmax"
        state.form = "labels"
        state.activation = state.activation or "softmax"
        state.one_hot = _own(step, "to_onehot", None) is not None
        return
    if state.form == "labels" and threshold is None:
        state.one_hot = state.one_hot or _own(step, "to_onehot", None) is not None
        return
    if threshold != 0.5 or state.form != "probabilities" or state.activation != "sigmoid":
        raise refused("its 'AsDiscreted' is neither the largest channel nor a sigmoid above 0.5")
    step.ignore("to_onehot")
    state.form = "masks"


def _invert(step: Component, state: _State) -> None:
    step.ignore("transform", "orig_keys", "meta_keys", "orig_meta_keys", "meta_key_postfix", "to_tensor", "device")
    if step.get("post_func") is not None:
        raise refused("its 'Invertd' has a function of its own ('post_func')")
    nearest = flag(_own(step, "nearest_interp", True), "nearest_interp")
    discrete = state.form in ("labels", "masks")
    if discrete and not nearest:
        state.notes.append(
            "The bundle interpolates label values on the way back to the image; here they go to the nearest voxel."
        )
    state.restored = "labels" if discrete or nearest else state.form


def _keep_largest(step: Component, state: _State) -> None:
    step.ignore("is_onehot")
    if state.form != "labels" or state.one_hot:
        raise refused("its 'KeepLargestConnectedComponentd' works on something other than labels")
    if step.get("connectivity") not in (None, 3) or step.get("num_components", 1) != 1:
        raise refused("its 'KeepLargestConnectedComponentd' has a connectivity or a count of its own")
    together = not flag(step.get("independent", True), "independent")
    applied = step.get("applied_labels")
    if applied is None:
        values = tuple(range(1, state.channels))
    else:
        values = wholes(applied if isinstance(applied, list | tuple) else [applied], "applied_labels", 0)
    values = tuple(value for value in values if value)
    if any(value >= state.channels for value in values):
        raise refused("its 'KeepLargestConnectedComponentd' names a label that the network does not have")
    if values:
        state.steps.append(PostprocessingStep("keep-largest", values, together))
    if not state.restored:
        state.notes.append("Components are judged on the image's own grid, in the bundle on the network's.")


def _function(step: Component, state: _State) -> None:
    """The two kinds of function that bundles pass to ``Lambdad`` here, recognised by their form."""
    step.ignore("overwrite", "track_meta", "inv_func")
    text = step.raw("func")
    body = _lambda_body(text)
    if body is not None and state.one_hot and _drops_background(body):
        return
    painted = _painting(body) if body is not None and state.form == "masks" else None
    if painted is None:
        raise refused(f"it changes the result by a function of its own ('{str(text)[:100]}')")
    if sorted(channel for channel, _ in painted) != list(range(state.channels)):
        raise refused("its label map does not use every output channel once")
    state.painted = tuple(painted)
    state.form = "labels"


def _lambda_body(text: Any) -> ast.expr | None:
    if not isinstance(text, str) or len(text) > 4000:
        return None
    try:
        tree = ast.parse(text.removeprefix("$").strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if isinstance(tree, ast.Lambda) and [argument.arg for argument in tree.args.args] == ["x"]:
        return tree.body
    return None


def _drops_background(body: ast.expr) -> bool:
    return ast.unparse(body) == "x[1:]"


def _painting(body: ast.expr) -> list[tuple[int, int]] | None:
    """``torch.where(x[[2]] > 0, 4, torch.where(x[[0]] > 0, 1, 0))`` as [(0, 1), (2, 4)]: last painted is on top."""
    found: list[tuple[int, int]] = []
    node = body
    while isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.where" and len(node.args) == 3:
        condition, value, node = node.args
        channel = _tested_channel(condition)
        if channel is None or not isinstance(value, ast.Constant) or type(value.value) is not int:
            return None
        found.append((channel, value.value))
    ends = isinstance(node, ast.Constant) and node.value == 0
    values = [value for _, value in found]
    if not ends or not found or min(values) < 1 or len(set(values)) != len(values):
        return None
    return found[::-1]


def _tested_channel(node: ast.expr) -> int | None:
    """The n of ``x[[n]] > 0`` or ``x[n] > 0``."""
    if not isinstance(node, ast.Compare) or len(node.ops) != 1 or not isinstance(node.ops[0], ast.Gt):
        return None
    right, left = node.comparators[0], node.left
    if not isinstance(right, ast.Constant) or right.value not in (0, 0.5) or not isinstance(left, ast.Subscript):
        return None
    index = left.slice.elts[0] if isinstance(left.slice, ast.List) and len(left.slice.elts) == 1 else left.slice
    named = isinstance(left.value, ast.Name) and left.value.id == "x"
    if not named or not isinstance(index, ast.Constant) or type(index.value) is not int:
        return None
    return index.value


_STEPS = {
    "Activationsd": _activate,
    "AsDiscreted": _discretise,
    "Invertd": _invert,
    "KeepLargestConnectedComponentd": _keep_largest,
    "Lambdad": _function,
}
