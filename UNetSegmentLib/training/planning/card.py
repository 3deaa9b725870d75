"""The model card of a planned training, and the rules behind its preparation."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...errors import InputError
from ...labels import Label
from ...models.card import InferenceContract, InputChannel, ModelCard, Normalization, PostprocessingStep, Preparation
from ...models.importing.colours import colour
from ...networks.config import AnyNetwork
from ...text import shown
from ..config.checking import MOST_LABELS
from ..layouts import Dataset
from .fingerprint import Fingerprint
from .preferences import Preferences
from .spacing import ANISOTROPY

_CROPPED = 0.75
_NAMED = 5
_MANY = 20
_LONGEST = 60
_USE = "Research and education. Not a medical device, not for diagnosis."


@dataclass(frozen=True)
class Outputs:
    """What the network answers: the label table, the value of each channel, and the regions if they overlap."""

    labels: tuple[Label, ...]
    values: tuple[int, ...]
    activation: str
    regions: tuple[tuple[int, ...], ...] = ()


def outputs_of(data: Dataset, fingerprint: Fingerprint) -> tuple[Outputs, tuple[str, ...]]:
    """Labels that occur (all that are named, where nothing of them is missing), and notes about those that do not.

    Raises:
        InputError: nothing that the data set names occurs.
    """
    if data.regions:
        labels = tuple(Label(r.value, r.name, colour(n)) for n, r in enumerate(data.regions))
        regions = tuple(region.values for region in data.regions)
        return Outputs(labels, tuple(r.value for r in data.regions), "sigmoid", regions), ()
    found = fingerprint.values
    _check_count(data, found)
    names = data.labels or {value: f"Label {value}" for value in found}
    drawn = {label.value: label for label in data.segments.labels}
    labels = tuple(
        replace(drawn[v], name=names[v]) if v in drawn else Label(v, names[v], colour(n))
        for n, v in enumerate(sorted(names))
        if v in found
    )
    if not labels:
        raise InputError(
            f"None of the labels of {data.name} occurs in its label maps.", "Correct the names of the labels."
        )
    absent = [f"'{names[v]}' ({v})" for v in sorted(names) if v not in found]
    notes = [f"No case holds {_either(absent)}, so the model leaves {_it(absent)} out."] if absent else []
    if len(found) > _MANY and not data.labels:
        notes.append(f"The label maps hold {len(found)} values and none has a name: are their edges blurred?")
    return Outputs(labels, (0, *(label.value for label in labels)), "softmax"), tuple(notes)


def normalization_of(fingerprint: Fingerprint, channel: int, name: str) -> Normalization:
    """CT by the numbers of the training's foreground; others by each image, over its non-zero part where the borders of
    zeros are wide (nnU-Net, supplement: "Intensity normalization").
    """
    if "CT" in (name.upper(), fingerprint.modality.upper()):
        numbers = fingerprint.intensities[channel]
        low, high = numbers.percentile_00_5, numbers.percentile_99_5
        if high > low and numbers.std > 0:
            return Normalization("ct", round(low, 3), round(high, 3), round(numbers.mean, 3), round(numbers.std, 3))
    return Normalization("zscore-mask" if fingerprint.cropped < _CROPPED else "zscore")


def preparation_of(
    fingerprint: Fingerprint,
    channels: Sequence[str],
    spacing: tuple[float | None, float, float] | None,
    transpose: tuple[int, int, int],
    normalization: Normalization | None,
) -> Preparation:
    """How images are prepared.

    Args:
        spacing: (z, y, x) after the transpose, None for images that keep their pixels.
    """
    rules = [normalization or normalization_of(fingerprint, n, name) for n, name in enumerate(channels)]
    return Preparation(
        orientation=fingerprint.orientation,
        crop_nonzero=fingerprint.cropped < _CROPPED,
        spacing=spacing,
        anisotropy_threshold=ANISOTROPY,
        normalization=tuple(rules),
        transpose=transpose,
    )


def make_card(
    data: Dataset,
    fingerprint: Fingerprint,
    outputs: Outputs,
    channels: Sequence[str],
    network: AnyNetwork,
    preparation: Preparation,
    patch: tuple[int, int, int],
    mirror_axes: tuple[int, ...],
    wishes: Preferences,
    note: str,
) -> ModelCard:
    """The card, with everything that is known before the training."""
    modality = wishes.modality or data.modality or "any"
    spacing = "" if preparation.spacing is None else f" at {_millimetres(preparation.spacing)}"
    description = wishes.description or f"Segments {_listed([label.name for label in outputs.labels])}."
    return ModelCard(
        name=slug(wishes.title or data.name),
        version="1.0.0",
        title=shown(wishes.title or data.name),
        description=f"{description} {note}".strip(),
        anatomy=wishes.anatomy or "as the training data",
        modality=modality,
        inputs=tuple(InputChannel(name, modality, f"{name}{spacing}") for name in channels),
        labels=outputs.labels,
        network=network,
        preparation=preparation,
        inference=InferenceContract(
            patch=patch,
            mirror_axes=mirror_axes,
            activation=outputs.activation,
            output_values=outputs.values,
            dark_margin=wishes.dark_margin,
        ),
        postprocessing=_steps(wishes.postprocessing, {label.value for label in outputs.labels}),
        licence=f"Weights as the training data ({data.licence})" if data.licence else "",
        citation=data.reference,
        training_data=_training_data(data, fingerprint),
        fingerprint=fingerprint.on_card([label.value for label in outputs.labels]),
        intended_use=_USE,
    )


def channel_names(data: Dataset, fingerprint: Fingerprint) -> tuple[str, ...]:
    """The data set's names for its channels, or plain ones."""
    count = len(fingerprint.intensities)
    if data.channels:
        return data.channels
    return ("Image",) if count == 1 else tuple(f"Channel {n + 1}" for n in range(count))


def slug(text: str) -> str:
    """Text as a model's name: letters, digits and hyphens."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", text)[:_LONGEST].strip("-").lower()
    return plain or "model"


def _steps(steps: Sequence[PostprocessingStep], values: set[int]) -> tuple[PostprocessingStep, ...]:
    """Those that clean labels of the model."""
    own = (replace(step, values=tuple(v for v in step.values if v in values)) for step in steps)
    return tuple(step for step in own if step.values)


def _training_data(data: Dataset, fingerprint: Fingerprint) -> str:
    shapes = fingerprint.shapes
    middle = sorted(shapes, key=math.prod)[len(shapes) // 2]
    size = " x ".join(str(n) for n in middle[::-1] if n > 1)
    licence = f" ({data.licence})" if data.licence else ""
    return f"{data.name}: {len(fingerprint.cases)} labelled cases{licence}, typically {size} voxels."


def _millimetres(spacing: Sequence[float | None]) -> str:
    known = [f"{s:.3g}" for s in reversed(spacing) if s is not None]
    return " x ".join(known) + " mm (x, y, z)"[: None if len(known) == 3 else -8]


def _check_count(data: Dataset, found: Sequence[int]) -> None:
    """Label maps with soft edges (pictures that were scaled) have a value for every shade."""
    if len(found) > MOST_LABELS:
        raise InputError(
            f"The label maps of {data.name} hold {len(found)} values; a model learns {MOST_LABELS} labels at most.",
            "Check that they are label maps and no images, or join labels.",
        )


def _either(words: Sequence[str]) -> str:
    """Some of the words, and how many more there are."""
    more = len(words) - _NAMED
    return ", ".join(words[:_NAMED]) + (f" or {more} more" if more > 0 else "")


def _it(words: Sequence[str]) -> str:
    return "it" if len(words) == 1 else "them"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
