"""Benchmark of the tracker, for `facetrack bench`: duration of each stage, age of the results.

The stages are timed from outside (`stages`): the tracker itself reads no clock. Methods are interleaved in one process
(`race`), so that other load affects all of them alike. Latency, dropped frames, CPU time and memory are measured in the
loop of `facetrack live` in a separate process (`session`).
"""
