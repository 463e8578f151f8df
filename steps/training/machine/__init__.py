"""What training runs on: devices, memory, several processes."""
