"""The ramp: by how much a region's share may rise (or step back) in this cycle."""
