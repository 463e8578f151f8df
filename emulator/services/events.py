"""EventBridge: rules, targets and the delivery of events."""
