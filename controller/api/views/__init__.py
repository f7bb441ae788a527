"""Values of the model as response bodies."""
