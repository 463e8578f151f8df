"""SNS: what moto has no subscribers for."""
