"""facetrain: trains, measures and exports the networks that facetrack runs."""
