"""The mathematics: arrays and plain tuples in and out, free of everything else of byheart.

| module | what it answers |
|---|---|
| `counterfactual` | what does having seen an example change? memorisation, influence, their nulls |
| `memorisation` | which share of the examples is memorised, without the noise of the scores? |
| `pairs` | the same for all pairs of a training and a new example, in pieces that fit memory |
| `codes` | how many bits are understood, memorised, left? the bit budget of a bank of members |
| `pools` | the calibration behind the codes: log-linear pool of model and reference |
| `variance` | the same for real-valued targets: shares of their variance, and differences in bits |
| `statistics` | Wilson, Spearman, R2, and all of the two rows below |
| `resampling`, `ranking` | the bootstrap over examples; AUC and its interval |
| `contrasts`, `sides` | differences of means over members that saw an example and members that did not |
| `intervals` | how far would a mean over examples and members move over fresh draws? |
| `new_examples` | the same for accuracy and R2 on new examples |
| `training_variance` | the part of it due to the training set that all members share, and to few members |
| `clusters` | how many draws are examples worth of which some are copies of others? |
| `passages` | how many bits does it take to write down a passage? the codes above, for text |
| `membership`, `detection` | was it in the training set? likelihood ratios; how often such a judgement is right |
| `attacks` | which of several such judgements is the strongest? |
| `duplicates`, `likeness`, `neighbourhoods` | is an example there twice? distances, and what chance brings |
| `order` | in what order is it learned, and how well does a cheap sign stand in for a score? |
| `exposure`, `extraction` | how far does a planted secret stand out, and can it be sampled? |
| `capacity` | how many bits can a model hold? |
| `temperature` | are the probabilities too sharp, and what would one temperature save? |
| `inputs` | what all of these accept, and how they refuse |

Arrays are numpy arrays or torch tensors; what comes back is numpy, float64. The modules above import no torch. Those
that read a recorded training do:

| module | what it answers |
|---|---|
| `trace`, `tracefile`, `spacing` | a recorded training, in memory and on disk, and how often its weights are kept |
| `recipe`, `layout`, `replay` | which optimiser made its steps, of which weights, and the same steps again |
| `module_copy`, `gradient_sketch` | the passes of somebody's model again, and whether a gradient is the recorded one |
| `credit`, `path`, `kernels` | where did this output come from? exact along the path of training, and its kernel form |
| `effect`, `curvature`, `projected` | what if this example had been left out? unrolled, by curvature, by projections |
| `examplewise`, `contraction`, `directional` | gradients of single examples, and what they are multiplied with |
| `quadrature`, `adjoints` | where along a step credit is read, and how a change is carried to the end |
| `products`, `second_derivatives` | products with the Hessian, by hand and by autograd |
| `blocks`, `unrolled` | the Fisher matrix by layers; the sweep backwards |
| `losses`, `targets` | what an example costs, and which number of an output is asked about |
"""
