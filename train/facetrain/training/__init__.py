"""The training loop and its parts: optimiser, losses, checkpoints, logging, recipes."""
