"""`gtc sandbox …`: commands of the local sandbox."""
