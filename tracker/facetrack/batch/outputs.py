"""Files of a batch: those of each video by kind, and those of the whole."""

from __future__ import annotations

SUFFIXES = {"json": ".jsonl", "csv": ".csv", "events": ".events.csv", "video": ".mp4", "report": ".html"}
"""Suffix of each kind of output, behind the video's name."""
MANIFEST = "manifest.jsonl"
SUMMARY = "summary.csv"
PARQUET = "summary.parquet"
RESERVED = (MANIFEST, SUMMARY, PARQUET)
