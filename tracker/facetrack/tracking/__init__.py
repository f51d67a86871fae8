"""Face tracking: detection, landmark following, re-identification, one call per frame."""
