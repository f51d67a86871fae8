"""Training tasks: data, network, loss and validation of each kind of network."""
