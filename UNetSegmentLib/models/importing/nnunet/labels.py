"""``dataset.json``: input channels and labels, or regions, as nnU-Net understands them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ....errors import ModelError
from ....labels import Label
from ...validation import MAX_LABELS
from ..colours import colour
from ..fields import Fields
from ..terminology import terminology

# Each is compared with every other.
_MOST_REGIONS = 256
_CURE = "Use the dataset.json of the training, unaltered."


@dataclass(frozen=True)
class LabelPlan:
    """The label table and how the network's channels become it.

    Args:
        labels: the table, by value.
        output_values: the value that each output channel stands for.
        activation: ``softmax``, or ``sigmoid`` for regions.
        foreground: every value but background in ascending order: the channels that a cascade's second stage gets.
    """

    labels: tuple[Label, ...]
    output_values: tuple[int, ...]
    activation: str
    foreground: tuple[int, ...]


def channel_names(dataset: Fields) -> tuple[str, ...]:
    """What the input images are, in order.

    Raises:
        ModelError: the entry is missing or of another form.
    """
    key = "channel_names" if "channel_names" in dataset else "modality"
    if key not in dataset:
        raise ModelError("In dataset.json, the entry 'channel_names' is missing.", _CURE)
    value = dataset.get(key)
    if isinstance(value, list):
        return tuple(str(name) for name in value)
    names = dataset.object(key).data
    if not names or not all(str(n) in names for n in range(len(names))):
        raise dataset.wrong(key, "channels numbered from 0")
    return tuple(str(names[str(n)]) for n in range(len(names)))


def label_plan(dataset: Fields) -> LabelPlan:
    """Labels or regions.

    Raises:
        ModelError: no background, values that are none, or regions without their order.
    """
    entries = dataset.object("labels")
    if len(entries.data) > MAX_LABELS:
        raise ModelError(f"In dataset.json, there are {len(entries.data)} labels; {MAX_LABELS} at most are run.", _CURE)
    sets = {name: _values(entries, name) for name in entries.data if name != "ignore"}
    if sets.get("background") != (0,):
        raise ModelError("In dataset.json, no label 'background' has the value 0.", _CURE)
    everything = sorted({value for values in sets.values() for value in values})
    foreground = tuple(value for value in everything if value != 0)
    if not foreground:
        raise ModelError("In dataset.json, there is no label but the background.", _CURE)
    if any(len(values) > 1 for values in sets.values()):
        return _regions(dataset, {n: v for n, v in sets.items() if set(v) != {0}}, foreground)
    called: dict[int, list[str]] = {}
    for name, values in sets.items():
        called.setdefault(values[0], []).append(name)
    names = {value: _unique(called[value]) for value in foreground}
    return LabelPlan(_table(names), tuple(everything), "softmax", foreground)


def _regions(dataset: Fields, regions: dict[str, tuple[int, ...]], foreground: tuple[int, ...]) -> LabelPlan:
    """Channel by channel each region is painted as one value over those before it."""
    if "regions_class_order" not in dataset:
        raise ModelError("In dataset.json, labels are regions but 'regions_class_order' is missing.", _CURE)
    if len(regions) > _MOST_REGIONS:
        raise ModelError(f"In dataset.json, there are {len(regions)} regions; {_MOST_REGIONS} at most are run.", _CURE)
    order = dataset.wholes("regions_class_order")
    if len(order) != len(regions):
        raise dataset.wrong("regions_class_order", f"{len(regions)} values, one per region")
    if len(set(order)) != len(order) or 0 in order:
        raise dataset.wrong("regions_class_order", "different values other than 0")
    names = list(regions)
    shown = {value: _remainder(names[n], n, names, regions) for n, value in enumerate(order)}
    return LabelPlan(_table(dict(sorted(shown.items()))), order, "sigmoid", foreground)


def _remainder(name: str, n: int, names: Sequence[str], regions: dict[str, tuple[int, ...]]) -> str:
    """What is left of a region once the later ones inside it are painted over it."""
    own = set(regions[name])
    inside = [later for later in names[n + 1 :] if set(regions[later]) < own]
    outermost = [one for one in inside if not any(set(regions[one]) < set(regions[other]) for other in inside)]
    return f"{name} without {' and '.join(outermost)}" if outermost else name


def _table(names: dict[int, str]) -> tuple[Label, ...]:
    return tuple(Label(value, name, colour(n), terminology(name)) for n, (value, name) in enumerate(names.items()))


def _values(entries: Fields, name: str) -> tuple[int, ...]:
    value = entries.get(name)
    values = value if isinstance(value, list) else [value]
    # Some tools write numbers as text; nnU-Net takes them too.
    try:
        numbers = tuple(sorted({int(v) for v in values if not isinstance(v, bool)}))
    except (TypeError, ValueError, OverflowError):
        numbers = ()
    if not numbers or min(numbers) < 0:
        raise entries.wrong(name, "a label value or a list of them")
    return numbers


def _unique(names: Sequence[str]) -> str:
    return " / ".join(names)
