"""Trained networks as self-describing ONNX files and as files of other runtimes."""
