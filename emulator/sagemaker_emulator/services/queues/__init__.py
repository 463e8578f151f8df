"""SQS: what moto has not, or forgets."""
