"""The networks that the project grew from, each trained on real data with its own figure. See `suite`."""
