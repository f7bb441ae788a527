"""How an answer's bytes are read as HTTP/1.1: its head, its body, and the body's coding."""
