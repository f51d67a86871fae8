"""Results on their way to other programs: the options of `live` and `replay`, and the commands for them."""
