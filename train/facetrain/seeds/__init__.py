"""Reimplementations of earlier published networks, each trained and evaluated on real data. See `suite`."""
