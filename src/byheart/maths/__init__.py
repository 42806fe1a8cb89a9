"""The mathematics: arrays and plain tuples in and out, free of everything else of byheart.

| module | what it answers |
|---|---|
| `counterfactual` | what does having seen an example change? memorisation, influence, their nulls |
| `pairs` | the same for all pairs of a training and a new example, in pieces that fit memory |
| `codes` | how many bits are understood, memorised, left? the bit budget of a bank of members |
| `pools` | the calibration behind the codes: log-linear pool of model and reference |
| `grids` | the same for real-valued targets, coded on a printed grid |
| `statistics` | Wilson, Spearman, R2, and all of the two rows below |
| `resampling`, `ranking` | the bootstrap over examples; AUC and its interval |
| `contrasts`, `sides` | differences of means over members that saw an example and members that did not |
| `intervals` | how far would another training set move a mean over examples and members? |
| `inputs` | what all of these accept, and how they refuse |

Arrays are numpy arrays or torch tensors; what comes back is numpy, float64. The modules above import no torch;
`trace`, `credit`, `effect` and what they stand on read a recorded training, and do.
"""
