"""Training loop and its parts: optimiser, losses, checkpoints, logging, recipes, calibration."""
