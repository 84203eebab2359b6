"""Training: the step loop, optimizers, schedules, checkpoints and the run folder."""
