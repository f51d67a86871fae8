"""Simulated minutes of lids, gaze and head of people who are awake, and of some who are not."""
