"""How far a region's share may rise in this cycle."""
