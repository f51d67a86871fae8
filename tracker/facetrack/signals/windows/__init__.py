"""Statistics over the last seconds of a signal, weighted by observed time."""
