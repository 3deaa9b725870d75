"""Distillation: a smaller network that learns from a model's answers, on labelled and on unlabelled images.

Hinton et al. 2015 (arXiv:1503.02531); what the training adds to its loss stands in
:mod:`UNetSegmentLib.training.losses.distillation`.
"""

from ..._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "DistillationRecipe": "recipe",
        "Student": "student",
        "distill": "distilling",
        "plan_student": "student",
    },
)
