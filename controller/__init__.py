"""Global Traffic Controller: keeps users on healthy, near, lawful AWS Regions."""

__version__ = "0.1.0"
