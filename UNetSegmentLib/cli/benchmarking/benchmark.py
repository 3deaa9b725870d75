"""``unetsegment benchmark``: every way to run a model on this machine, timed side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...errors import Cancelled, UsageError
from ..terminal.console import output, progress_bar, say, words_table, working
from ..terminal.session import ChannelOption, DebugOption, JsonOption, print_json, session

if TYPE_CHECKING:
    from ...compression.benchmark import Benchmark, Timing
    from ...volume import Segmentation, Volume

_HEADING = ("Backend", "Numbers", "Threads", "Batch", "Tile", "ms/tile", "Case (s)", "Times", "Same labels", "Dice")
_NUMBERS = {"fp32": "f32", "bf16": "bf16"}


def benchmark(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Name of a model, or its folder or .zip.")],
    image: Annotated[Path | None, typer.Option(help="The case to time; without it, noise of a few tiles.")] = None,
    reference: Annotated[Path | None, typer.Option(help="True labels of the image: adds the column Dice.")] = None,
    channel: ChannelOption = None,
    threads: Annotated[
        list[int] | None, typer.Option(help="Threads to try; may be repeated. Without it, those of a usual run.")
    ] = None,
    patch: Annotated[
        list[str] | None, typer.Option(help="Voxels of a tile to try as well, as X,Y,Z; may be repeated.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="No further run begins after so many seconds.")] = 120,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Time every way to run a model on this machine's CPU: backends, numbers, threads, tiles.

    Ctrl-C ends the table with what was measured by then.

    Example: unetsegment benchmark hippocampus-t1 --image t1.nii.gz --reference labels.nii.gz
    """
    with session(debug, json, stopping="Ending the table. Press Ctrl-C again to stop at once.") as cancel:
        patches = [_patch(text) for text in patch or []]
        if any(count < 1 for count in threads or []):
            raise UsageError("At least one thread is needed.", "Give --threads a positive number.")
        with working("Loading torch, the model and the image", not json):
            from ...compression.benchmark import benchmark as run
            from ...compression.benchmark import ways
            from ...inference import EngineSettings
            from ...inference.cores import use_the_cores
            from ...models import load_model

            loaded = load_model(model)
            volumes = _volumes(image, channel or [])
            labels = _labels(reference, image, volumes)
        tried = ways(threads or [use_the_cores()], patches)
        with progress_bar(not json) as progress:
            done = run(loaded, volumes, labels, EngineSettings(), tried, seconds, progress, cancel)
        if json:
            print_json(_as_json(model, done))
        else:
            _show(loaded.card.name, done)
        if done.cancelled:
            raise typer.Exit(Cancelled.exit_code)


def _patch(text: str) -> tuple[int, int, int]:
    parts = [int(part) if part.strip().isdecimal() else 0 for part in text.split(",")]
    if len(parts) != 3 or min(parts) < 1:
        raise UsageError(f"'{text[:40]}' is no size of a tile.", "Give three whole numbers: --patch 96,96,96")
    x, y, z = parts
    return z, y, x


def _volumes(image: Path | None, channels: Sequence[Path]) -> list[Volume] | None:
    if image is None:
        return None
    from ...io.guarded import read_volume

    return [read_volume(path) for path in (image, *channels)]


def _labels(reference: Path | None, image: Path | None, volumes: list[Volume] | None) -> Segmentation | None:
    if reference is None:
        return None
    from ...io.dicom_objects.reading.image_grid import ImageGrid
    from ...io.guarded import read_segmentation

    grid = ImageGrid(volumes[0].geometry, f"'{volumes[0].name}'", image) if volumes else None
    return read_segmentation(reference, image=grid)


def _show(name: str, done: Benchmark) -> None:
    ran = [row for row in done.rows if not math.isnan(row.tile_seconds)]
    plain = next((row.case_seconds for row in ran if row.way.backend == "torch" and _numbers(row) == "f32"), math.nan)
    cells = [_cells(row, plain) for row in ran]
    dice = any(not math.isnan(row.dice) for row in ran)
    last = None if dice else -1
    output().print(words_table(_HEADING[:last], [row[:last] for row in cells], name))
    for row in done.rows:
        if row.problem:
            say(f"{row.way.backend}, {_numbers(row)}, {row.way.threads} threads: {row.problem}")
    if done.auto:
        marked = ", marked *" if any(row.chosen for row in done.rows) else ""
        tiles = "1 tile" if done.tiles == 1 else f"{done.tiles} tiles"
        say(f"The setting 'auto' takes {done.auto} for this case ({tiles}){marked}.")
    say("Times: as quick as torch in full precision. Same labels: share of the voxels that torch labels alike.")


def _numbers(row: Timing) -> str:
    return row.way.form if row.way.form != "full" else _NUMBERS.get(row.way.precision, row.way.precision)


def _cells(row: Timing, plain: float) -> tuple[str, ...]:
    return (
        row.way.backend + (" *" if row.chosen else ""),
        _numbers(row),
        str(row.way.threads),
        str(row.batch),
        " x ".join(map(str, reversed(row.patch))),
        f"{row.tile_seconds * 1000:.1f}",
        f"{row.case_seconds:.2f}",
        _known(plain / row.case_seconds, ".2f"),
        _known(row.agreement, ".4%"),
        _known(row.dice, ".4f"),
    )


def _known(value: float, how: str) -> str:
    return "" if math.isnan(value) else format(value, how)


def _as_json(model: str, done: Benchmark) -> dict[str, Any]:
    from ...inference.backends import installed_backends

    def number(value: float) -> float | None:
        return None if math.isnan(value) else round(value, 6)

    rows = [
        {
            "backend": row.way.backend,
            "numbers": _numbers(row),
            "threads": row.way.threads,
            "batch": row.batch or None,
            "tile": list(reversed(row.patch)) or None,
            "ms_per_tile": number(row.tile_seconds * 1000),
            "case_seconds": number(row.case_seconds),
            "start_seconds": number(row.start_seconds),
            "same_labels": number(row.agreement),
            "dice": number(row.dice),
            "chosen": row.chosen,
            "problem": row.problem,
        }
        for row in done.rows
    ]
    about = {"model": model, "tiles": done.tiles, "auto": done.auto, "cancelled": done.cancelled}
    return {**about, "backends": installed_backends(), "rows": rows}
