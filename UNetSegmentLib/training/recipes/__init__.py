"""What U-Nets are used for, by name: where the data come from, and the choices that suit the task."""

from ..._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {"RECIPES": "recipes", "Recipe": "recipes", "find_recipe": "recipes", "open_recipe": "recipes"},
)
