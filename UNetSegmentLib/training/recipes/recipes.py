"""The recipes. Numbers of the data (spacing, patch, intensities) come from the plan; what a recipe adds is knowledge of
the task: which labels belong together, how the structure may lie, what is rare, which network and loss suit it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError
from ...models.card import Normalization, PostprocessingStep
from ..config.values import AugmentationConfig, LossConfig, OptimizerConfig
from ..layouts import LAYOUTS, Dataset, open_layout
from ..planning import Preferences


@dataclass(frozen=True)
class Recipe:
    """One task.

    Args:
        name: by which it is asked for.
        layout: of the data set that the task is known by; other layouts are read as what they are.
        wishes: what the plan is told.
        about: one line for the list of recipes.
    """

    name: str
    layout: str
    wishes: Preferences
    about: str


# Organs keep their place and pose: modest rotations, no mirror images.
_BODY = AugmentationConfig(flip=(0.0, 0.0, 0.5), rotation_degrees=15.0, elastic=0.1)

_LIVER = Preferences(
    network="residual",
    dimension=3,
    loss=LossConfig("dice_ce"),
    augmentation=_BODY,
    foreground=0.67,
    # The tumour lies in the liver: what is not joined to it is neither.
    postprocessing=(PostprocessingStep("keep-largest", (1, 2), together=True),),
    title="Liver and liver tumours (CT)",
    anatomy="Abdomen: liver",
    modality="CT",
)
_KIDNEY = Preferences(
    network="residual",
    dimension=3,
    loss=LossConfig("dice_ce"),
    augmentation=_BODY,
    foreground=0.67,
    # Two kidneys, so no largest part; crumbs under 20 ml are neither.
    postprocessing=(PostprocessingStep("minimum-size", (1, 2, 3), together=True, size_mm3=20_000.0),),
    title="Kidneys, kidney tumours and cysts (CT)",
    anatomy="Abdomen: kidneys",
    modality="CT",
)
_BRAIN = Preferences(
    network="residual",
    dimension=3,
    # Overlapping regions, judged as regions: binary losses of each (nnU-Net's BraTS 2020 entry, arXiv:2011.00848).
    loss=LossConfig("dice_ce", background=True),
    augmentation=AugmentationConfig(flip=(0.5, 0.5, 0.5), elastic=0.1, brightness=0.3, contrast=0.3),
    foreground=0.5,
    normalization=Normalization("zscore-mask"),
    title="Brain tumour regions (MR)",
    anatomy="Brain",
    modality="MR",
)
_VESSELS = Preferences(
    network="unet",
    dimension=2,
    # Around the disc there is nothing, and the network is told so: else it draws vessels there.
    loss=LossConfig("dice_ce", ignored_is_background=True),
    augmentation=AugmentationConfig(
        flip=(0.0, 0.5, 0.5),
        rotation=0.4,
        rotation_degrees=180.0,
        scaling=0.3,
        scaling_range=(0.8, 1.25),
        elastic=0.1,
        contrast=0.4,
        contrast_range=(0.6, 1.4),
        brightness=0.4,
        # Coarsening or blurring would wipe out vessels of one or two pixels.
        blur=0.0,
        low_resolution=0.0,
        per_channel=True,
    ),
    # Thin things need little around them: fewer resolutions left time for more steps, and small batches too.
    features=16,
    stages=4,
    patch=(1, 128, 128),
    batch=2,
    optimizer=OptimizerConfig("adamw", 4e-3, weight_decay=0.01, clip=5.0),
    # Vessels are everywhere inside the disc, and a third of the picture lies outside.
    foreground=0.5,
    photographs=True,
    dark_margin=0.1,
    title="Retinal vessels (colour fundus)",
    anatomy="Eye: retina",
    modality="Colour fundus photograph",
)
_HIPPOCAMPUS = Preferences(
    network="unet",
    dimension=3,
    loss=LossConfig("dice_ce"),
    augmentation=AugmentationConfig(flip=(0.0, 0.0, 0.5), rotation=0.3, rotation_degrees=15.0, elastic=0.2),
    foreground=0.4,
    # Intensities of the Decathlon's cases differ by a factor of thousands.
    normalization=Normalization("percentile", 0.5, 99.5),
    postprocessing=(PostprocessingStep("keep-largest", (1, 2), together=True),),
    title="Hippocampus, anterior and posterior (MR)",
    anatomy="Brain: hippocampus",
    modality="MR",
)
_MEMBRANES = Preferences(
    network="unet",
    dimension=2,
    loss=LossConfig("dice_ce"),
    # Elastic deformation is what made 30 slices enough (Ronneberger et al. 2015).
    augmentation=AugmentationConfig(
        flip=(0.0, 0.5, 0.5),
        rotation=0.7,
        rotation_degrees=180.0,
        scaling=0.3,
        scaling_range=(0.8, 1.25),
        elastic=0.5,
        elastic_voxels=3.0,
        elastic_spacing=24.0,
    ),
    foreground=0.2,
    title="Membranes of neurons (electron microscopy)",
    anatomy="Neural tissue",
    modality="Electron microscopy",
)

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("liver-tumor-ct", "lits", _LIVER, "liver and its tumours in CT (LiTS)"),
        Recipe("kidney-tumor-ct", "kits", _KIDNEY, "kidneys, tumours and cysts in CT (KiTS)"),
        Recipe("brain-tumor-mr", "brats", _BRAIN, "whole tumour, core, enhancing tumour in four MR images (BraTS)"),
        Recipe("retinal-vessels", "drive", _VESSELS, "vessels in colour fundus photographs (DRIVE, STARE)"),
        Recipe("hippocampus", "pairs", _HIPPOCAMPUS, "anterior and posterior hippocampus in MR (Decathlon)"),
        Recipe("em-membranes", "isbi2012", _MEMBRANES, "membranes in electron microscopy (ISBI 2012)"),
    )
}


def find_recipe(name: str) -> Recipe:
    """The recipe of a name.

    Raises:
        InputError: there is none.
    """
    if name not in RECIPES:
        known = "; ".join(f"{recipe.name} ({recipe.about})" for recipe in RECIPES.values())
        raise InputError(f"There is no recipe '{name}'.", f"Known are: {known}.")
    return RECIPES[name]


def open_recipe(recipe: Recipe, path: str | Path) -> Dataset:
    """The data set at ``path``: in the recipe's own layout where it has that, else in whichever it has.

    Raises:
        InputError: as :func:`~UNetSegmentLib.training.layouts.open_layout`.
    """
    path = Path(path)
    own = LAYOUTS[recipe.layout]
    images_and_labels = own.matches is None and LAYOUTS["pairs"].matches
    shows = own.matches or images_and_labels
    if shows and path.exists() and shows(path):
        return open_layout(path, recipe.layout)
    return open_layout(path)
