"""Head angles relative to a neutral, gaze, head gestures and attention."""
