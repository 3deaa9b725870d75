"""Whether a training can start: what is wrong, and what the user should know, in plain words. Reads no voxels."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slicer.i18n import tr as _

from UNetSegmentLib.errors import UNetSegmentError
from UNetSegmentLib.models import locations
from UNetSegmentLib.training.layouts import open_layout
from UNetSegmentLib.training.recipes.recipes import find_recipe, open_recipe
from UNetSegmentLib.worker.protocol.training_runs import read_run, training_folder

from ..scene import volumes
from . import voxels as training_voxels
from .pairs import Pair
from .voxels import key_of

FEW = 5
_FEWEST = 2


@dataclass(frozen=True)
class Found:
    """What a look at the source has shown.

    Args:
        errors: keep the training from starting.
        warnings: do not.
        segments: of pairs: name and number of pairs that hold it, in the order of their first occurrence.
        facts: in a few words, empty where there is nothing to tell.
        channels: of the images, 0 while unknown.
    """

    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    segments: tuple[tuple[str, int], ...] = ()
    facts: str = ""
    channels: int = 0


def check_pairs(rows: Sequence[Pair], left_out: Sequence[str], held_out: bool) -> Found:
    """Looks at the pairs of the scene.

    Args:
        left_out: keys (see ``training_voxels.key_of``) of segments that are not to be learned.
        held_out: whether cases are held out to check with.
    """
    errors = row_errors(rows)
    complete = [pair for pair in rows if pair.complete]
    fewest = _FEWEST if held_out else 1
    if len(complete) < fewest:
        errors.append(_too_few(len(complete), fewest))
    segments = _segments(complete)
    learned = [name for name, _count in segments if key_of(name) not in left_out]
    if complete and not learned:
        errors.append(_("Tick at least one segment to learn."))
    if not errors:
        errors += [error for pair in complete for error in pair_errors(pair, learned)]
        errors += _differences(complete)
    count = training_voxels.channels_of(complete[0].volume) if complete else 0
    return Found(tuple(errors), tuple(_warnings(complete, learned)), tuple(segments), "", count)


def check_folder(path: str, recipe: str, held_out: bool) -> Found:
    """Looks at a folder of cases; its layout and number of cases are the facts."""
    if not path:
        return Found((_("Choose the folder with the cases."),))
    try:
        folder = Path(path).expanduser()
        data = open_recipe(find_recipe(recipe), folder) if recipe else open_layout(folder)
    except UNetSegmentError as error:
        return Found((str(error),))
    except OSError as error:
        return Found((_("'{path}' cannot be read ({reason}).").format(path=path, reason=error.strerror),))
    facts = _("{count} cases, layout '{layout}'").format(count=len(data.cases), layout=data.layout)
    if data.labels:
        facts += _(", labels: {names}").format(names=", ".join(data.labels.values()))
    count, fewest = len(data.cases), _FEWEST if held_out else 1
    errors = (_too_few(count, fewest),) if count < fewest else ()
    return Found(errors, tuple(_few(count)), (), facts, len(data.channels))


def check_name(name: str, title: str) -> list[str]:
    """Why a model cannot be called so."""
    if not title.strip():
        return [_("Give the new model a name.")]
    if _is_unfinished(training_folder() / name):
        return [
            _("There is a training called '{name}' already. Continue or discard it, or choose another name.").format(
                name=name
            )
        ]
    if any((folder / f"{name}{ending}").exists() for folder in locations.model_folders() for ending in ("", ".zip")):
        return [_("There is a model called '{name}' already. Choose another name.").format(name=name)]
    return []


def check_base(card, channels: int) -> list[str]:
    """Why a model cannot be trained further on images of so many channels (0: unknown)."""
    if channels and len(card.inputs) != channels:
        return [
            _("'{title}' reads {needed} channel(s), the images have {channels}. Start from another model.").format(
                title=card.title, needed=len(card.inputs), channels=channels
            )
        ]
    return []


def _is_unfinished(folder: Path) -> bool:
    """What is left of a finished training gives way to a new one."""
    try:
        return not read_run(folder).finished
    except UNetSegmentError:
        return False


def row_errors(rows: Sequence[Pair]) -> list[str]:
    """Rows that are not filled in, and images that are listed twice."""
    errors = []
    for number, pair in enumerate(rows, 1):
        if pair.volume is None:
            errors.append(_("Pair {number}: choose an image.").format(number=number))
        elif pair.segmentation is None:
            errors.append(_("Pair {number}: choose a segmentation.").format(number=number))
    twice = [node for node, count in Counter(pair.volume for pair in rows if pair.complete).items() if count > 1]
    errors += [_("'{name}' is in the list twice.").format(name=node.GetName()) for node in twice]
    return errors


def pair_errors(pair: Pair, learned: Sequence[str]) -> list[str]:
    """What is wrong with a pair that is to show segments of these names."""
    image, segmentation = pair.volume.GetName(), pair.segmentation.GetName()
    try:
        volumes.geometry_of(pair.volume)
    except UNetSegmentError as error:
        return [f"'{image}': {error}"]
    names = {key_of(name) for name in training_voxels.segment_names(pair.segmentation).values()}
    if not names & {key_of(name) for name in learned}:
        return [
            _(
                "'{segmentation}' has none of the segments: {names}. Name its segments alike, or remove the pair."
            ).format(segmentation=segmentation, names=", ".join(learned))
        ]
    if not training_voxels.overlaps(pair):
        return [
            _(
                "'{segmentation}' lies outside of '{image}'. Check that they belong together, and their transforms."
            ).format(segmentation=segmentation, image=image)
        ]
    return []


def _differences(complete: Sequence[Pair]) -> list[str]:
    """All images of a training have the same channels, and are slices or volumes."""
    first, errors = complete[0].volume, []
    for pair in complete[1:]:
        node = pair.volume
        names = {"first": first.GetName(), "other": node.GetName()}
        if training_voxels.channels_of(node) != training_voxels.channels_of(first):
            errors.append(_("'{first}' and '{other}' do not have the same channels (colour and grey).").format(**names))
        elif volumes.is_slice(node) != volumes.is_slice(first):
            errors.append(_("Of '{first}' and '{other}' one is a single slice, the other a volume.").format(**names))
    return errors


def _segments(complete: Sequence[Pair]) -> list[tuple[str, int]]:
    """Each name as it was written first, and how many pairs hold it."""
    names: dict[str, str] = {}
    count: Counter[str] = Counter()
    for pair in complete:
        own = {key_of(name): name for name in training_voxels.segment_names(pair.segmentation).values()}
        count.update(own.keys())
        names = {**names, **{key: name for key, name in own.items() if key not in names}}
    return [(name, count[key]) for key, name in names.items()]


def _warnings(complete: Sequence[Pair], learned: Sequence[str]) -> list[str]:
    texts = []
    for name in learned:
        lacking = [
            pair.segmentation.GetName()
            for pair in complete
            if key_of(name) not in map(key_of, training_voxels.segment_names(pair.segmentation).values())
        ]
        if lacking:
            texts.append(
                _("'{segment}' is missing in {names}: there it is learned as absent.").format(
                    segment=name, names=_some(lacking)
                )
            )
    return texts + _few(len(complete))


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:3])
    return shown if len(names) <= 3 else _("{names} and {count} more").format(names=shown, count=len(names) - 3)


def _too_few(count: int, fewest: int) -> str:
    if fewest == 1:
        return _("Add a pair to learn from.")
    return _(
        "{count} of at least 2 cases: one to learn from, one to check with. (To check with none, see Advanced.)"
    ).format(count=count)


def _few(count: int) -> list[str]:
    if not 0 < count < FEW:
        return []
    return [_("{count} cases are few: good for a try, not for a model to rely on.").format(count=count)]
