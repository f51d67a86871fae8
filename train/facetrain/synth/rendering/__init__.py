"""Pictures of 3-D heads whose truth is known exactly: points, head angles, eyelids, mouth and gaze."""
