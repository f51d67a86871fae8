"""Paths of the repository, and of the labelled faces, clips and models beside it that tests marked `data` need."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = REPOSITORY.parent / "shared"
DATA = SHARED / "data"
HEAD_MODEL = SHARED / "models" / "ict_face_model.npz"
