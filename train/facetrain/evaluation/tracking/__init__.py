"""The tracker against generated clips with known identities."""
