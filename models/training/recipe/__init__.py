"""The pieces of a training run, each to be read by itself. Needs PyTorch >= 1.13 and numpy, nothing else."""
