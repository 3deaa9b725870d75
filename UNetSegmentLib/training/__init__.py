"""Training: data sets, augmentation, losses, schedules, the training loop, cross-validation, evaluation on held-out
folds.

``open_layout(folder)`` reads a data set, ``plan_training(data, request)`` makes a :class:`TrainingConfig` of it,
``train(config, progress, cancel)`` runs that to a model package, ``finish_run(config, result)`` scores and reports it.
"""

from .._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "AugmentationConfig": "config.values",
        "CrossValidationResult": "cross_validation",
        "Evaluation": "scoring.evaluation",
        "LossConfig": "config.values",
        "OptimizerConfig": "config.values",
        "SamplingConfig": "config.values",
        "ScheduleConfig": "config.values",
        "TrainingConfig": "config.config",
        "TrainingValues": "config.values",
        "TrainingEvent": "loop.events",
        "TrainingResult": "loop.loop",
        "cross_validate": "cross_validation",
        "evaluate_fold": "scoring.evaluation",
        "load_config": "config.codec",
        "finish_run": "report.finish",
        "open_layout": "layouts.recognition",
        "package_checkpoint": "loop.loop",
        "plan_training": "planning.plan",
        "save_config": "config.codec",
        "train": "loop.loop",
    },
)
