"""Export of trained networks to ONNX with metadata, and to other runtimes."""
