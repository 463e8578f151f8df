"""Training and validation images: decoding, augmentation, batches, suspected labels."""
