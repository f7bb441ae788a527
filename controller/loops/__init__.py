"""What runs: each loop gets its ports injected and leaves its results where the next one looks.

Probing folds results into health states and wakes the reconciler; the reconciler is the one loop
that acts; everything else (propagation, effects, override expiry) follows up on what it did.
"""
