"""Options that ``train`` and ``cross-validate`` share, None where they are not given."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_NETWORKS = "Architecture: unet, residual, attention, nested, squeeze, transunet, mobilenet or efficientnet."
_RECIPES = (
    "Settings for a task: liver-tumor-ct, kidney-tumor-ct, brain-tumor-mr, retinal-vessels, hippocampus "
    "or em-membranes."
)

SourceArgument = Annotated[Path, typer.Argument(metavar="DATA", help="Data set folder, CSV of cases, or plan.json.")]
OutputOption = Annotated[Path | None, typer.Option("--output", "-o", help="The run's folder; runs/NAME when left out.")]
NetworkOption = Annotated[str | None, typer.Option(help=_NETWORKS)]
RecipeOption = Annotated[str | None, typer.Option(help=_RECIPES)]
LayoutOption = Annotated[
    str | None,
    typer.Option(help="Arrangement of the folder, such as nnunet, decathlon, pairs or csv; found out when left out."),
]
FromOption = Annotated[str | None, typer.Option("--from", metavar="MODEL", help="Train this model further.")]
PretrainedOption = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|timm",
        help="ImageNet weights for mobilenet and efficientnet in 2D: a file, or timm's where they are on this machine.",
    ),
]
DeviceOption = Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1 or mps; auto when left out.")]
ThreadsOption = Annotated[int | None, typer.Option(min=0, max=4096, help="CPU threads; torch's choice when left out.")]
SeedOption = Annotated[
    int | None,
    typer.Option(min=0, max=2**63 - 1, help="Seed of weights, patches and augmentation; 0 when left out."),
]
CompileOption = Annotated[
    bool | None,
    typer.Option(
        "--compile", help="Compile the network first, which makes small networks quicker. Needs a C++ compiler."
    ),
]
PlanOnlyOption = Annotated[bool, typer.Option("--plan-only", help="Write plan.json and stop, to edit it.")]
