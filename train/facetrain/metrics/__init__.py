"""Error measures, pure functions of arrays."""
