"""What comes after the last step: scores for the card, pictures, the page."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import DependencyError
from ...geometry import in_xyz
from ...inference import EngineSettings
from ...models import Model, load_model, save_model
from ...progress import CancelToken, ProgressCallback
from ...reporting.measuring.extremes import mean_dice
from ...reporting.measuring.pixel_metrics import PixelScores
from ..cases.dataset import open_dataset
from ..config.config import TrainingConfig
from ..layouts.naming import numbered_like
from ..loop.clock import scored_cases
from ..loop.loop import TrainingResult
from ..loop.threads import torch_threads
from ..scoring.evaluation import Evaluation, evaluate_fold
from ..scoring.pixels import evaluate_pixels, pixel_words, with_pixels
from . import page
from .pictures import write_cases

log = logging.getLogger(__name__)

# The network as it was trained, without trying which backend is the quickest.
_SETTINGS = EngineSettings(backend="torch")


@dataclass(frozen=True)
class Report:
    """What :func:`finish_run` made. Where no case was held out, there is no evaluation and there are no pictures."""

    model: Path
    page: Path
    pictures: tuple[Path, ...]
    evaluation: Evaluation | None
    pixels: PixelScores | None


def finish_run(
    config: TrainingConfig,
    result: TrainingResult,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> Report:
    """Scores the model on held-out cases (at least twelve, if there are), writes the scores into its card, and
    ``report.html`` and pictures of the worst, the median and the best case into the run's folder. Where the field
    reports them, F1 and AUC over pixels too.

    Without Pillow the page has no pictures of cases. As many CPU threads are used as for the training.

    Raises:
        OutputError: a file cannot be written.
    """
    with torch_threads(config.threads):
        return _finished(config, result, progress, cancel)


def _finished(
    config: TrainingConfig, result: TrainingResult, progress: ProgressCallback | None, cancel: CancelToken | None
) -> Report:
    output = Path(config.output)
    evaluation, scores = None, None
    pictures: tuple[Path, ...] = ()
    if config.fold is not None:
        data = open_dataset(config.dataset, config.layout, config.folds)
        names = data.split(config.fold)[1][: scored_cases(config)]
        model = load_model(result.model)
        data = numbered_like(data, model.card.labels)
        evaluation = evaluate_fold(
            model,
            data,
            config.fold,
            names,
            device=config.device,
            settings=_SETTINGS,
            progress=progress,
            cancel=cancel,
            until=result.until,
        )
        names = list(evaluation.scores)
        if data.pixels:
            scores = evaluate_pixels(
                model, data, names, device=config.device, settings=_SETTINGS, progress=progress, cancel=cancel
            )
        _fill_card(model, config, evaluation, scores, result.model)
        try:
            pictures = write_cases(
                model, data, evaluation.scores, output, config.device, _SETTINGS, progress=progress, cancel=cancel
            )
        except DependencyError as error:
            # Scores need no pictures, so a page without them is better than none.
            log.warning("The report has no pictures: %s", error)
    written = _page(config, result, evaluation, scores, pictures, output / "report.html")
    return Report(result.model, written, pictures, evaluation, scores)


def _fill_card(
    model: Model, config: TrainingConfig, evaluation: Evaluation, scores: PixelScores | None, folder: Path
) -> None:
    """The package once more, with the measured lines in its card."""
    command = f"unetsegment evaluate --model {folder.name} --data DATA --layout {config.layout} --fold {config.fold}"
    text = model.card.description
    if scores is not None:
        text = f"{text} Held-out pixels of fold {config.fold}: {pixel_words(scores)}."
    lines = with_pixels((line for line in evaluation.accuracy() if line.cases), model.card.labels[0].name, scores)
    card = dataclasses.replace(model.card, accuracy=lines, accuracy_command=command, description=text)
    save_model(card, [model.network(fold).state_dict() for fold in range(model.folds)], folder)


def _page(
    config: TrainingConfig,
    result: TrainingResult,
    evaluation: Evaluation | None,
    scores: PixelScores | None,
    pictures: Sequence[Path],
    path: Path,
) -> Path:
    card, network = config.card, config.card.network
    about = [
        ("Data", f"{config.dataset} ({config.layout})"),
        ("Network", f"{network.architecture}, {network.dimension}D, {getattr(network, 'features', '')}"),
        ("Patch (x, y, z), batch", f"{in_xyz(card.inference.patch)}, {config.batch}"),
        ("Steps", step_words(config, result)),
        ("Labels", ", ".join(label.name for label in card.labels)),
        ("Loss", config.loss.kind),
        ("Time", f"{result.seconds / 60:.1f} min"),
        ("Model", str(result.model)),
    ]
    sections: list[tuple[str, Sequence[str]]] = [("Training", [page.table(("", ""), about)])]
    if result.curve is not None:
        sections.append(("Curve", [page.picture(result.curve, "Loss and held-out Dice over the steps")]))
    if evaluation is not None:
        pieces = [page.table(("Label", "Cases", "Dice", "HD95 (mm)", "NSD"), _summary_rows(evaluation))]
        pieces += [page.paragraph(f"Note: {note}") for note in evaluation.notes]
        if scores is not None:
            pieces.append(page.paragraph(f"Pixels: {pixel_words(scores)}."))
        sections.append((f"Held-out cases ({evaluation.split})", pieces))
        rows = [(name, f"{dice:.4f}") for name, dice in mean_dice(evaluation.scores).items()]
        if pictures:
            shown = [page.picture(path, path.stem.replace("-", ", ")) for path in pictures]
            sections.append(("Worst, median and best" if len(shown) > 1 else "The held-out case", shown))
        sections.append(("Every case, worst first", [page.table(("Case", "Dice"), rows)]))
    return page.write_page(path, f"Training of {card.title}", sections)


def step_words(config: TrainingConfig, result: TrainingResult) -> str:
    """How many steps were taken, and of how many."""
    taken = result.steps or config.steps
    if taken >= config.steps:
        return str(taken)
    return f"{taken} of {config.steps}" + (f" ({config.minutes:g} minutes were up)" if config.minutes else "")


def _summary_rows(evaluation: Evaluation) -> list[tuple[str, ...]]:
    def shown(value: float | None, digits: int) -> str:
        return "" if value is None or math.isnan(value) else f"{value:.{digits}f}"

    return [
        (line.label.name, str(line.cases), shown(line.dice, 4), shown(line.hd95_mm, 2), shown(line.nsd, 4))
        for line in evaluation.summary
    ]
