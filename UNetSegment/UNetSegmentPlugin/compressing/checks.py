"""Whether a quick version of a model can be made, and of which cases: reasons in plain words. Reads no voxels."""

from collections.abc import Sequence
from pathlib import Path

from slicer.i18n import tr as _

from UNetSegmentLib.compression.checking import check_licence
from UNetSegmentLib.compression.images_alone import images_alone
from UNetSegmentLib.errors import UNetSegmentError
from UNetSegmentLib.models.card import ModelCard
from UNetSegmentLib.networks.config import OpaqueNetwork
from UNetSegmentLib.training.layouts import open_layout

from ..training import checks as training_checks
from ..training import voxels as training_voxels
from ..training.checks import Found
from ..training.pairs import Pair
from ..training.voxels import key_of

FEWEST, ENOUGH = 2, 8
"""Half of the cases are measured, the others are calibrated with; what fewer than ENOUGH tell is uncertain."""


def check_model(card: ModelCard) -> list[str]:
    """Why no quick version of a model can be made, whatever the cases."""
    if isinstance(card.network, OpaqueNetwork):
        return [
            _("'{title}' is a program of its own (TorchScript or ONNX), which only its author can change.").format(
                title=card.title
            )
        ]
    if card.companions:
        return [_("'{title}' is made of several models, which cannot be made quick together.").format(title=card.title)]
    try:
        check_licence(card)
    except UNetSegmentError as error:
        return [str(error)]
    return []


def check_pairs(rows: Sequence[Pair], card: ModelCard) -> Found:
    """Looks at the pairs of the scene."""
    channels = len(card.inputs)
    complete = [pair for pair in rows if pair.complete]
    if channels > 1 and any(training_voxels.channels_of(pair.volume) != channels for pair in complete):
        return Found(
            (
                _("'{title}' reads {count} images at a time, and a pair holds one. Choose a folder of cases.").format(
                    title=card.title, count=channels
                ),
            )
        )
    errors = training_checks.row_errors(rows)
    if len(complete) < FEWEST:
        errors.append(_too_few(len(complete)))
    if not errors:
        names = [label.name for label in card.labels]
        errors = [error for pair in complete for error in _pair_errors(pair, names)]
    return Found(tuple(errors), tuple(_few(len(complete))), channels=channels)


def check_folder(path: str, channels: int) -> Found:
    """Looks at a folder of cases, or of images alone, for a model of so many channels."""
    if not path:
        return Found((_("Choose the folder with the cases."),))
    folder = Path(path).expanduser()
    try:
        alone = len(images_alone(folder, channels))
        data = None if alone else open_layout(folder)
    except UNetSegmentError as error:
        return Found((str(error),))
    except OSError as error:
        return Found((_("'{path}' cannot be read ({reason}).").format(path=path, reason=error.strerror),))
    if data is None:
        count, facts = alone, _("{count} images without segmentations").format(count=alone)
        unsure = [_("Without segmentations the loss in Dice cannot be measured, only what changes.")]
    else:
        count = len(data.cases)
        facts, unsure = _("{count} cases, layout '{layout}'").format(count=count, layout=data.layout), []
    if count < FEWEST:
        return Found((_too_few(count),), facts=facts)
    return Found((), (*unsure, *_few(count)), facts=facts)


def _pair_errors(pair: Pair, names: Sequence[str]) -> list[str]:
    wanted = {key_of(name) for name in names}
    if not wanted & {key_of(name) for name in training_voxels.segment_names(pair.segmentation).values()}:
        return [
            _("No segment of '{segmentation}' is called like a structure of the model: {names}.").format(
                segmentation=pair.segmentation.GetName(), names=_some(names)
            )
        ]
    return training_checks.pair_errors(pair, names)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:4])
    return shown if len(names) <= 4 else _("{names} and {count} more").format(names=shown, count=len(names) - 4)


def _too_few(count: int) -> str:
    return _("{count} of at least 2 cases: one to make it with, one to measure it on.").format(count=count)


def _few(count: int) -> list[str]:
    if not 0 < count < ENOUGH:
        return []
    text = _("{count} cases are few: what they tell of the loss is uncertain. 20 or more are better.")
    return [text.format(count=count)]
