"""Correcting a mask: prompts, sessions that keep hard rules, and where a mask is doubtful."""

from .change import Change
from .history import Edit, Strokes
from .prompts import BoxPrompt, Lasso, Point, Prompt, Scribble
from .session import Session

__all__ = ["BoxPrompt", "Change", "Edit", "Lasso", "Point", "Prompt", "Scribble", "Session", "Strokes"]
