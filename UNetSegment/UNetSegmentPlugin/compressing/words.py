"""What is said of a quick version: how much it may lose, how far it is, what came of it."""

from slicer.i18n import tr as _

from UNetSegmentLib.worker.protocol.compression import CompressionOutcome

from ..models import expectation
from ..models.forms import size_words
from ..running.runs import RunState
from .compressor import Compression

LOSSES = (0.001, 0.003, 0.01)
"""Mean Dice that a quick version may lose, as the panel offers it."""

# A smaller gain is within what a busy computer makes of the same work.
_NO_GAIN = 1.05
_NOTES = 3


def loss_text(loss: float) -> str:
    """How much may be lost, in words and as a number."""
    words = {0.001: _("Hardly any"), 0.003: _("Very little"), 0.01: _("A little")}
    return _("{words}: Dice {loss:g}").format(words=words.get(loss, _("Up to")), loss=loss)


def status_text(compression: Compression) -> str:
    """What is happening, or has happened, in words."""
    state, title = compression.state, compression.source.title
    if state is RunState.DONE:
        return done_text(compression)
    finished = {
        RunState.FAILED: _("No quick version of '{title}' was made. The model is as it was."),
        RunState.CANCELLED: _("Cancelled. The model '{title}' is as it was."),
        RunState.CANCELLING: _("Stopping"),
    }
    if state in finished:
        return finished[state].format(title=title)
    if compression.copied is not None:
        done, total = compression.copied
        return _("Copying the pairs: {done} of {total}").format(done=done, total=total)
    return _running_text(compression)


def fraction(compression: Compression) -> float | None:
    """Share of the bar; None while nobody can tell."""
    if compression.copied is not None:
        done, total = compression.copied
        return done / max(total, 1)
    if compression.state is RunState.CANCELLING:
        return None
    known = [(_STAGES[stage], share) for stage, share in compression.reached.items() if stage in _STAGES]
    # Stages come again where layers go back to full precision, and for every network: the bar waits for them.
    return max((start + (end - start) * share for (start, end), share in known), default=None)


def done_text(compression: Compression) -> str:
    """What the quick version is worth: first how quick, then what it costs; and where it is found."""
    outcome, source = compression.outcome, compression.source
    facts = ", ".join(part for part in (_speed_text(outcome), _loss_text(outcome)) if part)
    text = _("The quick version of '{title}' is ready: {facts}, {after} instead of {before}.").format(
        title=source.title, facts=facts, after=size_words(outcome.bytes_after), before=size_words(outcome.bytes_before)
    )
    if outcome.name == source.name:
        return text
    return text + " " + _("It is in the list as '{title}'.").format(title=outcome.title)


def notes_text(outcome: CompressionOutcome) -> str:
    """What was chosen on the way, as far as there is room for it; the log has all."""
    return " ".join(outcome.notes[:_NOTES])


def _speed_text(outcome: CompressionOutcome) -> str:
    if outcome.speed is None:
        return ""
    if outcome.speed < _NO_GAIN:
        return _("its network is no faster on this computer")
    return _("its network is {times:.1f} times as fast on this computer").format(times=outcome.speed)


def _loss_text(outcome: CompressionOutcome) -> str:
    if outcome.dice_before is not None and outcome.dice_after is not None:
        text = _("Dice {after:.3f} instead of {before:.3f} on {count} cases")
        return text.format(after=outcome.dice_after, before=outcome.dice_before, count=outcome.cases)
    if outcome.agreement is not None:
        text = _("{share:.2f} % of the voxels as the full model has them, on {count} cases")
        return text.format(share=100 * outcome.agreement, count=outcome.cases)
    return _("its loss could not be measured without segmentations")


def _running_text(compression: Compression) -> str:
    event = compression.progress
    if event is None:
        return _("Starting the process that makes the quick version")
    words = _stage_words().get(event.stage, event.stage)
    text = words.format(done=event.done, total=event.total, title=compression.source.title)
    if event.total > 1 and event.done < event.total:
        text += " " + _("({done} of {total})").format(done=event.done, total=event.total)
    if event.seconds_left is not None and event.seconds_left >= 1 and event.done < event.total:
        text += ", " + _("{time} left for this step").format(time=expectation.in_words(event.seconds_left))
    return text


# Share of the bar that each stage takes, where it comes for the first time.
_STAGES = {
    "calibration tiles": (0.0, 0.1),
    "measure full weights": (0.1, 0.35),
    "calibrate": (0.35, 0.55),
    "measure INT8": (0.55, 0.8),
    "find sensitive layers": (0.8, 0.85),
    "install": (0.97, 1.0),
}


def _stage_words() -> dict[str, str]:
    return {
        "calibration tiles": _("Reading the cases"),
        "measure full weights": _("Measuring the full model"),
        "calibrate": _("Calibrating the quick version"),
        "measure INT8": _("Measuring the quick version"),
        "find sensitive layers": _("Finding what has to stay in full precision"),
        "install": _("Adding it to the list of models"),
    }
