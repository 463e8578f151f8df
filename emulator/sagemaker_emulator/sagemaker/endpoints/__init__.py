"""Endpoints: configurations, deployments, model servers, invocations."""
