"""The mathematics: arrays and plain tuples in and out, free of everything else of byheart.

| folder | module | what it answers |
|---|---|---|
| `memorisation` | `counterfactual` | what does having seen an example change? scores, influence, their nulls |
| | `share`, `changed_sides` | which share is memorised, without the noise of the scores? in one recipe alone? |
| | `influence`, `influence_by_chance` | the same for all pairs of a training and a new example; the largest by chance |
| | `mean_difference` | the difference between members that saw an example and members that did not |
| | `membership`, `strongest_attack` | was it in the training set? likelihood ratios, and which attack is strongest |
| | `retraining_auc` | can models that were to forget examples be told from models that never saw them? |
| | `duplicates`, `feature_scaling`, `nearest_neighbours` | is an example there twice? what chance brings |
| | `bounded_search` | which of very many rows are nearest? |
| | `coincidences` | how many rows of a table are equal by chance? |
| | `learning_order` | in what order is it learned, and how well does a cheap proxy predict an expensive score? |
| | `exposure`, `extraction`, `capacity` | how far does a secret stand out, can it be sampled, how much fits? |
| `codes` | `bank` | how many bits are understood, memorised, left? the bit budget of a bank of members |
| | `calibration`, `temperature` | the log-linear pool of model and reference; one temperature |
| | `variance`, `value_bits` | the same for real-valued targets: shares of their variance; differences in bits |
| | `passages`, `weight_code` | how many bits does it take to write down a passage? the weights of a network? |
| `statistics` | `ranks`, `ranking`, `detection` | Wilson, Spearman, R2; AUC; how often a judgement is right |
| | `binned_redraws` | how far does the curve of millions of judgements move with others? |
| | `resampling`, `intervals`, `new_examples` | the bootstrap; means over a bank; accuracy and R2 on new examples |
| | `paired` | how far apart are two recipes on the same subsets? |
| | `student_mean` | the mean of a few draws and how far it would move with others |
| | `bounded_mean` | the mean of a few values of which many sit at a ceiling |
| | `autocorrelation` | how much does a row say of those after it? |
| | `scaling_law` | does a number go with a power of a size, and how far may that be carried? |
| | `training_variance` | the part due to the training set that all members share, and to few members |
| | `few_members` | averages over the pairs of fewer than eight members |
| | `effective_sample_size`, `seen_unseen` | examples of which some are copies; the two sides of a bank |
| `descent` | `ridgeless`, `random_features` | how large is the error with p features and n examples? closed forms |
| | `two_scales` | why does the error fall, rise and fall again while training? |
| | `peaks` | where has a curve over several seeds its peak, and does it stand out? |
| | `smoothers` | with which weights does ridge use the labels, and how many parameters is that on new points? |
| `delay` | `held_steps` | from which step on is a level held; how much later than another? |
| | `cyclic_power` | by how few frequencies does an embedding of residues turn? |
| | `sum_logits` | what of the logits follows from a + b alone? restricted and excluded logits |
| `ranking` | `kendall` | does a measure order runs as their generalisation gap does? tau-a, granulated |
| | `conditional_information` | how much does its order tell beyond the hyper-parameters? |
| | `sign_error`, `environment_pairs` | how often does it point the wrong way when one hyper-parameter changes? |
| | `increment` | what does it predict that the hyper-parameters do not? |
| | `scoreboard`, `score_columns`, `ordering_baselines` | many measures by all of these; oracle, random orders |
| | `configurations`, `units` | which runs differ in one setting alone; how far a mean over pairs moves with others |
| `bounds` | `binary_kl`, `pac_bayes` | how high can the true error be? McAllester, Seeger, Catoni; the inverse of kl |
| | `compressed_size`, `hold_out`, `subsampled_tokens` | ... of one network, by its code; by a hold-out; of tokens |
| | `monte_carlo`, `prior_widths` | the mean risk of networks drawn at random; a grid of priors, paid |
| `kernels` | `infinite_width`, `kernel_machines` | the kernels of infinitely wide networks; ridge and support vectors |
| | `kernel_change` | how far did a kernel turn in training, and how well does it fit what is learned? |
| `spectra` | `power_tail`, `weight_spectrum` | the power law of a layer's eigenvalues, and what else they say |
| `lags` | `predictive_gain`, `given_series` | how far back must one remember? bits gained by each further lag |
| | `needed_window`, `kernel_code`, `student_code` | how many steps back does a series need, and by which prediction? |
| | `embedding`, `delayed_information` | in how many delayed copies does a state fit; at which delay? |
| | `memory_capacity`, `fading_memory` | how much of its past inputs does a state hold; does it forget its start? |
| | `markov_order` | on how many steps back does a value depend, in any way at all? |
| | `gradient_by_lag` | do gradients vanish or explode with the lag; how long does a step keep what it holds? |
| | `truncated_window`, `truncation_curve` | how far back does a model look? bits lost when its window is cut |
| | `window_price` | what does a model pay for looking back further than would do? |
| `orbits` | `lyapunov`, `tangent` | how fast do neighbouring states part? of a step, anybody's, with its derivatives |
| | `state_space`, `frequencies` | is a generated orbit where the true one is, and does it beat alike? |
| | `replayed`, `parting` | is a generated orbit new, or a replay of the training series? the time of a window |
| | `kinds`, `returning`, `fitted_step` | does an orbit rest, come round, wander on a torus, part, or diverge? |
| | `mixture`, `wasserstein` | is it there, as often, in more dimensions than boxes can fill? |
| | `free_runs`, `valid_time` | how wrong is a model after n free steps; how long does it stay with the truth? |
| | `floors` | what does a measure say of another true orbit, and of the training series played again? |
| | `leak`, `stretches`, `repeats` | does a test series hold stretches of its training series? |
| | `pairs`, `surrogates` | may these two orbits be compared? series that only look alike |
| | `inputs`, `shapes` (above the folders) | what all of these accept, and how they refuse; shapes as annotations |

Arrays are numpy arrays or torch tensors; what comes back is numpy, float64. The modules above import no torch. Those
that read a recorded training do:

| folder | module | what it answers |
|---|---|---|
| `recording` | `trace`, `steps`, `trace_file`, `checkpoint_interval` | a recorded training, in memory and on disk |
| | `optimizer_spec`, `flat_parameters`, `replay` | which optimiser made its steps, and the same steps again |
| | `module_copy`, `gradient_sketch`, `losses` | passes of somebody's model again; is a gradient the recorded one? |
| `attribution` | `credit`, `path_integral`, `kernels` | where did this output come from? exact, and its kernel form |
| | `effect`, `curvature`, `gradient_similarity` | what if this example had been left out? |
| | `per_example_gradients`, `gradient_products`, `directional_derivative` | gradients of single examples |
| | `quadrature`, `reverse_sweep`, `unrolled` | where along a step credit is read; how a change is carried on |
| | `hessian_products`, `second_derivatives`, `kronecker_fisher` | products with the Hessian; the Fisher matrix |
| | `removal` | where would the weights stand if some examples had not been trained on? |
| | `targets` | which number of an output is asked about |
| `measures` | `front`, `table`, `evidence`, `layers` | what do the published measures of generalisation say? |
| | `norms`, `margins` | norms of the layers; what the outputs on the training set say |
| | `spectral`, `convolution_spectrum` | spectral norms of matrices; of the convolution itself |
| | `path_norm`, `size` | the sum over all paths; how rich the architecture is |
| | `double_copy`, `folding` | the model in float64; which BatchNorm layers are part of the layer before? |
| | `stored_weights`, `sample_size` | of a state dict alone; divided by the number of examples |
| | `perturbation`, `ascent`, `search_settings`, `moved_weights` | how far may weights move before accuracy is lost? |
| | `flatness` | what that says, alone and in bounds |
| | `float64_calls` | a model that converts its inputs to single precision, called in double precision |
| | `gradient_measures`, `optimisation_log` | gradients of single examples; how many steps training took |
| | `adaptive_sharpness`, `example_order` | how sharp, whatever the scale of the weights? |
| | `representation`, `disagreement` | do classes overlap, do mixed examples fit; do two runs agree? |
| `bounds` | `stochastic_network` | which Gaussian over the weights has the smallest certificate? |
| `kernels` | `tangent_kernel`, `jacobians` | how alike do a model's parameters move its outputs for two inputs? |
| | `layer_factors`, `linearisation` | what gradients of a layer are products of; the model were it linear |
| | `weight_spectra`, `curvature_measures` | what the spectra of the weights say; the curvature of the loss |
| `curvature` | `curvature_matrix`, `gauss_newton`, `curvlinops_adapter` | Hessian, Gauss-Newton, Fisher matrix |
| | `extreme_eigenvalues`, `trace_estimate`, `spectral_density` | their largest, their sum, how they are spread |
| | `marginal_likelihood`, `takeuchi` | the evidence of the data; how many weights it acts as if it had |
"""
