"""Training: data sets, augmentation, losses, schedules, the trainer, cross-validation."""
