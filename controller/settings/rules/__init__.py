"""Rules that join several settings. `cross_field.check` runs them all; `warnings` refuse
nothing."""
