"""Rules that join several settings (`cross_field` runs them all), and warnings."""
