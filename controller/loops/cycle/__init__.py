"""The one loop that decides: its snapshots, cycles, records, and previews."""
