"""`gtc sandbox …`."""
