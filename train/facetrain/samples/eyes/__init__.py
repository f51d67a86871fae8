"""Crops of single eyes with their labels, and their augmentation."""
