"""Why there is no such score of measures over runs: a sentence for each code, and what would help (see `reasons`)."""

from __future__ import annotations

RANKING = {
    "no single change": (
        "No two configurations differ in one hyper-parameter alone.",
        "Add runs that do: a grid of settings, not random draws.",
    ),
    "one setting": ("It holds two hyper-parameters fixed, and one is there.", "Name another column of settings."),
    "no order": (
        "The gaps have no order to be told: they are tied, or the hyper-parameters that are held fixed decide them.",
        "Add repeats of configurations, with other seeds.",
    ),
    "no test size": (
        "It is not known on how many test examples the gaps were measured.",
        "Give the number: --test-size N.",
    ),
    "no shares": (
        "Sign-errors weigh differences of shares, and the largest gap is {largest:1}.",
        "Give gaps of accuracy between -1 and 1.",
    ),
    "few pairs": (
        "In no environment are enough differences of gaps certain: {effective:1} effective pairs of {needed:0}.",
        "Measure the gaps on more test examples, or add repeats.",
    ),
    "few configurations": (
        "A model of the hyper-parameters needs {needed} configurations, and there are {configurations}.",
        "Add runs of other settings.",
    ),
}
