"""Orders of an operator: `submit` gives one, `withdraw` ends them."""
