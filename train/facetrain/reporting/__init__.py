"""Tables, figures and contact sheets of a measurement."""
