"""Correcting a mask: prompts, sessions that keep hard rules, and where a mask is doubtful."""

from .change import Change
from .doubt import find_places
from .evidence import (
    Doubts,
    doubts_from_members,
    doubts_from_probabilities,
    doubts_from_probability,
    doubts_from_uncertainty,
)
from .history import Edit, Strokes
from .places import DoubtfulPlace, Kind, Looked, Reason, Review
from .prompts import BoxPrompt, Lasso, Point, Prompt, Scribble
from .session import Session

__all__ = [
    "BoxPrompt",
    "Change",
    "DoubtfulPlace",
    "Doubts",
    "Edit",
    "Kind",
    "Lasso",
    "Looked",
    "Point",
    "Prompt",
    "Reason",
    "Review",
    "Scribble",
    "Session",
    "Strokes",
    "doubts_from_members",
    "doubts_from_probabilities",
    "doubts_from_probability",
    "doubts_from_uncertainty",
    "find_places",
]
