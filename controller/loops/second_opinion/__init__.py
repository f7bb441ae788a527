"""What others find of the regions: Route 53's health checks, and its name servers' answers."""
