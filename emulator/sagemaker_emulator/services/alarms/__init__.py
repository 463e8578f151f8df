"""CloudWatch's alarms: kept, evaluated and acted on here; the other operations are moto's."""
