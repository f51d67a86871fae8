"""Source to tracker to sinks, for live and for recorded sources."""
