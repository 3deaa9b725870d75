"""Training: data sets, augmentation, losses, schedules, the training loop, cross-validation, evaluation on held-out
folds.

``train(config, progress, cancel)`` runs one training from a :class:`TrainingConfig` to a model package.
"""

from .._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "AugmentationConfig": "config",
        "CrossValidationResult": "cross_validation",
        "Evaluation": "evaluation",
        "LossConfig": "config",
        "OptimizerConfig": "config",
        "SamplingConfig": "config",
        "ScheduleConfig": "config",
        "TrainingConfig": "config",
        "TrainingEvent": "events",
        "TrainingResult": "loop",
        "cross_validate": "cross_validation",
        "evaluate_fold": "evaluation",
        "load_config": "codec",
        "package_checkpoint": "loop",
        "save_config": "codec",
        "train": "loop",
    },
)
