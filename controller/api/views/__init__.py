"""Values as the API shows them."""
