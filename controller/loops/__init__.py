"""What runs: loops with injected ports. Each leaves its results where the next one reads them.

Probing turns results into health states and wakes the reconciler. The reconciler is the only loop
that writes to AWS. All others (propagation, effects, expiry of overrides) follow what it did.
"""
