"""Faces with a teacher's blendshapes: the table that the blendshape network is trained on."""
