"""Where traffic should be: an exact optimum within what regions can carry."""
