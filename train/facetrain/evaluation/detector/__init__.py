"""Face detectors against labelled and composed pictures."""
