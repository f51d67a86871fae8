"""`python -m facetrack`, the same as `facetrack`."""

from facetrack.cli import main

main()
