"""Face detectors against labelled and synthetic images."""
