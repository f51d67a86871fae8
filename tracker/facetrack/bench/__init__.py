"""How long each part of a frame takes, and how old a result is: what `facetrack bench` measures.

The parts are timed from outside (`stages`): no clock is read in the tracker itself. Whatever is compared runs in turns
in one process (`race`), so that a busy moment meets all alike. Delay, dropped frames, processor use and memory are
those of the loop of `facetrack live` in a process of its own (`session`).
"""
