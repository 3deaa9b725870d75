"""What a user or a recipe wants, before the data have their say."""

from __future__ import annotations

from dataclasses import dataclass

from ...models.card import Normalization, PostprocessingStep
from ..config.values import AugmentationConfig, LossConfig, OptimizerConfig


@dataclass(frozen=True)
class Preferences:
    """None leaves the matter to the plan.

    Args:
        network: a name out of :data:`~.variants.NETWORKS`.
        dimension: 2 or 3.
        loss, optimizer, augmentation: in the place of the plan's.
        foreground: share of patches around a label.
        normalization: the same for every channel.
        spacing: mm (z, y, x) in the axes of the fingerprint; the first is None for a 2D network.
        features: channels at full resolution.
        stages: resolutions at most, where the patch would allow more.
        patch: voxels (z, y, x).
        batch: patches in a step.
        steps: in the place of those that fit into the minutes.
        photographs: the images are photographs that show the same thing as large in the frame at any resolution; later
            ones of another resolution are brought to that of the training, where that was one.
        dark_margin: see :class:`~UNetSegmentLib.models.InferenceContract`.
        postprocessing: of the finished model.
        title, anatomy, modality, description: for its card.
    """

    network: str = "unet"
    dimension: int | None = None
    loss: LossConfig | None = None
    optimizer: OptimizerConfig | None = None
    augmentation: AugmentationConfig | None = None
    foreground: float | None = None
    normalization: Normalization | None = None
    spacing: tuple[float | None, float, float] | None = None
    features: int | None = None
    stages: int | None = None
    patch: tuple[int, int, int] | None = None
    batch: int | None = None
    steps: int | None = None
    photographs: bool = False
    dark_margin: float | None = None
    postprocessing: tuple[PostprocessingStep, ...] = ()
    title: str = ""
    anatomy: str = ""
    modality: str = ""
    description: str = ""
