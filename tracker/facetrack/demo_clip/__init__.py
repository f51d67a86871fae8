"""A moving face made from one photograph, with known landmarks: the demo and a test of the whole loop."""
