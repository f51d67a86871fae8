"""Eye network and its loss."""
