"""Training: the step loop, schedules, devices, checkpoints and the run folder."""
