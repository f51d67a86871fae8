"""A generated clip of several people whose truth is known: they cross, leave, come back, are covered and turn away."""
