"""ARKit's blendshapes of a face, distilled from MediaPipe's, over a person's own rest. Off by default."""

from facetrack.blendshapes.network import ShapeNetwork, bundled_shapes
from facetrack.blendshapes.neutral import Blendshapes

__all__ = ["Blendshapes", "ShapeNetwork", "bundled_shapes"]
