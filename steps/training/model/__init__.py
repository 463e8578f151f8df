"""The network while it trains: losses, freezing, pretrained weights, averages."""
