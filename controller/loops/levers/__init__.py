"""From AWS and to AWS: what the levers say, what is written, what became of it."""
