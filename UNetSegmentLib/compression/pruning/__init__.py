"""Pruning: whole channels truly removed, so that the result is an ordinary, smaller network of the same family."""

from ..._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "ExitRecipe": "exits",
        "PruningRecipe": "recipe",
        "cut_at_exit": "exits",
        "prune": "pruning",
    },
)
