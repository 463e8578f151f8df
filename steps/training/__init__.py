"""The parts of `train.py`: its hyperparameters stand at the bottom, `result` at the top."""
