"""What a user wants of distillation, as values that can work."""

from __future__ import annotations

from dataclasses import dataclass

from ..wishes import check_wishes

BEGINNINGS = ("random", "teacher")
NORMS = ("batch", "instance", "group")


@dataclass(frozen=True)
class DistillationRecipe:
    """A student of the teacher's contract with fewer features, trained by the teacher's answers beside the labels.

    Args:
        size: share of the teacher's floating-point operations for the same volume, above 0 and up to 1.
        fold: of the data set; its cases are held out of the training, and teacher and student are measured on them.
            Give the fold that the teacher itself was trained without.
        norm: ``batch`` (goes into the convolutions at inference, and suits INT8), ``instance`` or ``group``.
        encoder: a light one, such as ``mobilenet-v3-small``, in place of the teacher's; its widths are its own, and
            the decoder follows them.
        spacing_scale: how many times coarser the student's voxels are along every axis (slices of a 2D network stay).
            It saves most operations and costs small structures; the teacher answers on its own grid all the same.
        steps: of the training; None takes as many as fit into ``minutes``.
        minutes: that the training may take.
        temperature: that softens the answers, above 0.
        share: of the teacher's answers in the loss, 0 to 1; the labels have the rest.
        overlap_weight: of the overlap with what the teacher segments, beside the divergence of the answers.
        maps_weight: of the term that compares where the maps of the stages are active (attention transfer); 0 leaves it
            out.
        mirrors: whether the teacher's mirrors take part, where its card allows some.
        unlabelled: folder of images without label maps, which the teacher alone judges.
        begin: ``random``, or ``teacher``: its weights wherever name and shape are the student's too (in a student of
            other widths these are few).
        batch: patches in a step; None as in the teacher's own training.
        learning_rate: the highest; None takes that of the teacher's own training, for AdamW 0.002 at least.
        max_loss: mean Dice that may be lost on the held-out cases; a student that loses more is not written. None
            writes it whatever it loses, which its card says.
        unreached: write it all the same; its card and a note say so.
        again: distil a model that is a student itself.
        training: configuration file (``training.json``) of the teacher's training, whose loss, sampling and
            augmentation are taken; None looks beside the package, and plans a training where there is none.
        seed, threads, device: as in a training's configuration.

    Raises:
        InputError: a value that cannot work.
    """

    size: float = 0.25
    fold: int | None = None
    norm: str = "batch"
    encoder: str | None = None
    spacing_scale: float = 1.0
    steps: int | None = None
    minutes: float = 60.0
    temperature: float = 2.0
    share: float = 0.5
    overlap_weight: float = 1.0
    maps_weight: float = 0.0
    mirrors: bool = True
    unlabelled: str | None = None
    begin: str = "random"
    batch: int | None = None
    learning_rate: float | None = None
    max_loss: float | None = None
    unreached: bool = False
    again: bool = False
    training: str | None = None
    seed: int = 0
    threads: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        check_wishes(
            self,
            "distillation",
            size=(0 < self.size <= 1, "the share of the teacher's operations, such as 0.25"),
            norm=(self.norm in NORMS, f"one of {', '.join(NORMS)}"),
            spacing_scale=(1 <= self.spacing_scale <= 8, "a factor from 1 to 8"),
            steps=(self.steps is None or self.steps >= 1, "1 or more"),
            minutes=(self.minutes > 0, "more than 0"),
            temperature=(self.temperature > 0, "a number above 0, such as 2"),
            share=(0 <= self.share <= 1, "a share from 0 to 1"),
            overlap_weight=(self.overlap_weight >= 0, "0 or more"),
            maps_weight=(self.maps_weight >= 0, "0 or more"),
            begin=(self.begin in BEGINNINGS, f"one of {', '.join(BEGINNINGS)}"),
            batch=(self.batch is None or self.batch >= 1, "1 or more"),
            learning_rate=(self.learning_rate is None or self.learning_rate > 0, "above 0"),
            max_loss=(self.max_loss is None or 0 <= self.max_loss <= 1, "mean Dice from 0 to 1"),
        )
