"""Gaze of the eyes: on rendered heads, over seconds of looks, on labelled pupils, and drawn on clips."""
