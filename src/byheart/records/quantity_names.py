"""Which probe has a quantity of this name? Of those a gate may be asked about where the probe has no number.

Of what a probe withheld, only this tells a name that it has from a word that means nothing. Quantities of baselines and
of proxies are named with their probe: `generalization/gap/neighbours_held_out_lead`.
"""

from __future__ import annotations

NAMES = {
    "memory/counterfactual": (
        "memorised_share memorised_share_raw control_memorised_share reliability_probability reliability_correct "
        "c_score memorisation_mean"
    ),
    "memory/influence": "largest_influence pairs_at_threshold",
    "memory/label-noise": (
        "worth_checking_share checking_accuracy planted_listed planted_precision planted_auc "
        "planted_auc_score planted_found large_residual_share large_residual_learned"
    ),
    "memory/membership": "membership_auc online_auc offline_auc loss_threshold_auc tpr_at_fpr_1_percent",
    "memory/duplicates": (
        "duplicate_share contradicting leaked_share test_accuracy_with_leaked test_accuracy_without_leaked "
        "test_bits_a_token_with_leaked test_bits_a_token_without_leaked test_r2_with_leaked test_r2_without_leaked"
    ),
    "memory/forgetting": "forgetting forgetting_seen learned_accuracy retained_accuracy last_phase_accuracy",
    "memory/learning-order": "first_learned never_learned ever_forgotten",
    "memory/credit": (
        "self_credit_share self_credit_share_redrawn examples_behind redrawn_credit_share decay_share remainder_share "
        "kernel_spread credit_lds"
    ),
    "memory/effect": "effect_lds lds_ceiling self_effect_share self_effect_share_redrawn redrawn_harm_auc",
    "memory/exposure": (
        "exposure_mean_bits exposure_held_out_bits dose_spearman extractable_share memorised_bits_a_secret "
        "secret_sampled_share secret_discoverable_share passage_sampled_share passage_discoverable_share "
        "passage_extractable_share"
    ),
    "memory/levers": "plain_memorised plain_held_out",
    "memory/capacity": "bits_held share_held bits_held_a_parameter",
    "generalization/gap": (
        "train_accuracy held_out_accuracy gap test_accuracy test_disagreement "
        "one_model_train_accuracy one_model_test_accuracy "
        "train_bits_a_token held_out_bits_a_token gap_bits_a_token test_bits_a_token "
        "train_r2 held_out_r2 test_r2 one_model_train_r2 one_model_test_r2 "
        "held_out_loss best_epoch held_out_loss_rise held_out_temperature held_out_temperature_gain held_out_raw_bits"
    ),
    "generalization/measures": "ranked_right one_model_gap",
    "generalization/descent": (
        "error prominence peak_at peak_error largest_gain beyond_gain folded_prominence theory_gap"
    ),
    "generalization/delay": (
        "memorised_step generalised_step delay_ratio reached_accuracy generalised_share gap_over_log_steps "
        "weight_norm_kept zero_gradient_share embedding_gini restricted_loss excluded_loss five_frequencies_share"
    ),
    "generalization/laziness": (
        "kernel_distance kernel_velocity_early kernel_velocity_late kernel_velocity_whole alignment_start "
        "alignment_end effective_rank_start effective_rank_end relative_motion "
        "linearisation_gap linearised_accuracy linearised_r2"
    ),
    "generalization/curvature": "outlier_share downward_share sharpness trace_of_ggn trace_of_hessian",
    "generalization/certificate": (
        "certificate stochastic_error posterior_kl stochastic_test_error certificate_gap "
        "certificate_bits_a_token smoothed_bits_a_token smoothed_test_bits_a_token"
    ),
    "complexity/description-length": (
        "reference_bits understood_bits understood_bits_share memorised_bits memorised_bits_share left_bits "
        "left_bits_share memorised_bits_per_parameter best_held_out_epoch held_out_code held_out_code_rise "
        "held_out_accuracy_fall held_out_error held_out_error_rise understood_share memorised_share_of_variance "
        "left_share"
    ),
    "dynamics/need": "needed_steps saved_bits",
    "dynamics/use": "used_steps used_bits",
    "dynamics/window": "paid_bits best_window one_step_bits",
    "dynamics/exponents": "largest_exponent attractor_dimension",
    "dynamics/orbit": "lasting_share state_divergence spectrum_distance novelty valid_steps one_step_error",
    "complexity/value-bits": (
        "understood_bits_per_value understood_bits_of_values memorised_bits_per_value memorised_bits_of_values"
    ),
}

PROBE_OF = {name: probe for probe, names in NAMES.items() for name in names.split()}
