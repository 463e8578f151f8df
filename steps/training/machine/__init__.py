"""The hardware: devices, memory, several processes."""
