"""How well the blendshape network repeats its teacher: on held-out people, on clips, in blinks."""
