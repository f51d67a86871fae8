"""Processing loops from source over tracker to sinks, for live and recorded sources."""
