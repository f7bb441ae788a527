"""What is believed of regions: from single probes to one verdict each, and the doubts beside it."""
