"""The endpoint as a client uses it: predict, compare versions, wait for a rollout."""
