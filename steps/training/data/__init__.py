"""What training learns from: images, decoding, augmentation, suspected labels."""
