"""How an order is previewed, confirmed, given and ended."""
