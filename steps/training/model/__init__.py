"""The network in training: losses, freezing, pretrained weights."""
