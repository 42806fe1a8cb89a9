"""Attribution: credit along the path of a recorded training, effect of leaving an example out, and their kernels."""
