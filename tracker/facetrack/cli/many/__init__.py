"""Commands over many videos."""
