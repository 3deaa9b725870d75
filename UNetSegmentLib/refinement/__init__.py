"""Correcting a mask: prompts, sessions that keep hard rules, and where a mask is doubtful."""

from .change import Change
from .doubts.appearance import doubts_from_image
from .doubts.evidence import (
    Doubts,
    doubts_from_members,
    doubts_from_probabilities,
    doubts_from_probability,
    doubts_from_uncertainty,
)
from .doubts.finding import find_places
from .doubts.members import Members, as_labels_of, run_members
from .doubts.places import DoubtfulPlace, Kind, Looked, Reason, Review
from .doubts.quality import (
    Basis,
    Quality,
    first_to_look_at,
    pairwise_dice,
    quality_of_members,
    quality_of_probabilities,
    quality_of_uncertainty,
)
from .doubts.review import review_places
from .history import Edit, Strokes
from .prompts.kinds import BoxPrompt, Lasso, Point, Prompt, Scribble
from .session import Session

__all__ = [
    "Basis",
    "BoxPrompt",
    "Change",
    "DoubtfulPlace",
    "Doubts",
    "Edit",
    "Kind",
    "Lasso",
    "Looked",
    "Members",
    "Point",
    "Prompt",
    "Quality",
    "Reason",
    "Review",
    "Scribble",
    "Session",
    "Strokes",
    "as_labels_of",
    "doubts_from_image",
    "doubts_from_members",
    "doubts_from_probabilities",
    "doubts_from_probability",
    "doubts_from_uncertainty",
    "find_places",
    "first_to_look_at",
    "pairwise_dice",
    "quality_of_members",
    "quality_of_probabilities",
    "quality_of_uncertainty",
    "review_places",
    "run_members",
]
