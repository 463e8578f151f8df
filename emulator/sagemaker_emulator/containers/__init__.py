"""How a container runs: an image's environment, a sandbox with its own /opt/ml, a host process."""
