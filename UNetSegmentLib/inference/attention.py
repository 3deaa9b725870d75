"""Where a model looks: the coefficients of its attention gates for an image, through the engine as any other map.

The gates' scores take the place of the network's logits. So the image is prepared as for a segmentation, tiles are
blended with the engine's weights, and the maps come back onto the image's own grid in bounded memory. The coefficient
is the sigmoid of the blended score, as a probability is that of a blended logit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..errors import ModelError
from ..geometry import Box
from ..labels import Label
from ..models import list_models
from ..models.card import ModelCard
from ..models.model import Model
from ..networks.folding import folded
from ..networks.gates import GateScores, gates, has_gates
from ..progress import CancelToken, ProgressCallback
from ..volume import Volume
from .segmenter import Segmenter
from .settings import EngineSettings


@dataclass(frozen=True, eq=False)
class Attention:
    """The maps of a model's attention gates.

    Attributes:
        maps: on the image's grid, one channel per gate, full resolution first, float32 from 0 to 1; 0 outside of the
            region that was looked at.
        steps: for each gate the voxels of the prepared image from one coefficient to the next, (z, y, x) or (y, x).
        warnings: what the user should know.
    """

    maps: Volume
    steps: tuple[tuple[int, ...], ...]
    warnings: tuple[str, ...] = ()

    @property
    def levels(self) -> tuple[Volume, ...]:
        """One volume of a single channel for each gate."""
        return tuple(
            replace(
                self.maps, voxels=self.maps.voxels[number : number + 1], name=f"{self.maps.name}, gate {number + 1}"
            )
            for number in range(self.maps.channels)
        )


def attention_of(
    model: Model,
    volume: Volume | Sequence[Volume],
    region: Box | None = None,
    device: str = "auto",
    settings: EngineSettings | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> Attention:
    """The coefficient maps of a model's attention gates for an image.

    A model of several folds shows its first one. Of a model of several parts the first that has gates is looked at.

    Args:
        model: an Attention U-Net of ours or an imported one.
        volume, region, progress, cancel: see :meth:`Segmenter.segment`.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        settings: of the engine; the preset ``balanced`` when None. Gates are always looked at in torch.

    Raises:
        ModelError: the model has no attention gates.
        InputError, GeometryError, ResourceError, Cancelled: see :meth:`Segmenter.segment`.
    """
    gated = _gated(model)
    # Folded here, or the backend would look at a copy of the gates.
    scores = GateScores(folded(gated.network()))
    settings = replace(settings or EngineSettings(), backend="torch", folds=False)
    segmenter = Segmenter(_looked_at(gated, scores), device, settings=settings)
    result = segmenter.segment(volume, region, progress, cancel, probabilities=True)
    maps = result.probabilities
    assert maps is not None
    first = volume if isinstance(volume, Volume) else volume[0]
    return Attention(replace(maps, name=f"{first.name} attention"), scores.steps, result.warnings)


def check_gates(card: ModelCard) -> None:
    """Refuses a model without attention gates before its weights are loaded.

    Raises:
        ModelError: naming the models at hand that have them.
    """
    # Parts are models of their own; only loading them tells.
    if not has_gates(card.network) and not card.companions:
        raise _no_gates(card)


def _gated(model: Model) -> Model:
    """The model itself or the first of its parts that has gates."""
    for candidate in (model, *model.parts):
        if has_gates(candidate.card.network) and gates(candidate.network()):
            return candidate
    raise _no_gates(model.card)


def _looked_at(model: Model, scores: GateScores) -> Model:
    """The model with its gates' scores in place of its logits; the earlier stage of a cascade stays."""
    card = model.card
    count = len(gates(scores.network))
    values = tuple(range(1, count + 1))
    kept = [companion for companion in card.companions if companion.role == "previous"]
    looked_at = replace(
        card,
        network=replace(card.network, out_channels=count),
        labels=tuple(Label(value, f"Gate {value}") for value in values),
        inference=replace(card.inference, activation="sigmoid", output_values=values, restored="logits"),
        postprocessing=(),
        companions=tuple(kept),
        # Both speak of the labels.
        forms=(),
        fingerprint=None,
    )
    return Model.in_memory(looked_at, [scores], [model.previous] if model.previous is not None else [])


def _no_gates(card: ModelCard) -> ModelError:
    able = [other.name for other in list_models() if has_gates(other.network)]
    known = f"Models at hand that have them: {', '.join(able)}." if able else "None of the models at hand has them."
    return ModelError(
        f"The model '{card.name}' has no attention gates, so there is nothing to show.",
        f"{known} 'unetsegment train DATA --network attention' trains one; MONAI bundles with an AttentionUnet can be "
        "imported.",
    )
