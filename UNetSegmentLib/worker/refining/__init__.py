"""Corrections of a mask in a process of their own, which imports no torch and so is there at once."""

from ..transport.launch import refine_command
from .client import RefineClient
from .listener import Made, RefineHistory, RefineListener, RefineState
from .session import RefineSession

__all__ = [
    "Made",
    "RefineClient",
    "RefineHistory",
    "RefineListener",
    "RefineSession",
    "RefineState",
    "refine_command",
]
