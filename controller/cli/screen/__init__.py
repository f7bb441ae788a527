"""How commands show what they found: for people, for pipes, as documents."""
