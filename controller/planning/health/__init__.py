"""Health: from single probes to one verdict per region, with evidence and second opinions."""
