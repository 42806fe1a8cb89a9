"""Documents as `byheart audit --json` prints them, built through the records so that they validate."""

from __future__ import annotations

import math
from itertools import cycle
from typing import Any

from by_hand import dumped
from images import CALIBRATION, audit, dump, fashion, issues, own, provenance, quantity

from byheart.records import facts
from byheart.records.finding import Failed, Finding, NotApplicable, Pole
from byheart.records.reason import FIGURES
from byheart.report.cards import Card
from byheart.report.chart import Axis, Chart, Line, Table
from byheart.report.examples import Exhibit, ExhibitGroup, Exhibits


def _elsewhere() -> Finding:
    """A plug-in's finding: facts alone, under the default card."""
    return Finding(
        probe="elsewhere/recall",
        question="How far back does it remember?",
        headline="reach",
        quantities={"reach": quantity(0.31, "ratio", (0.22, 0.4), 0.0, 812)},
        curves={
            "recall": facts.Curve(
                x_axis=facts.Axis(name="delay", unit="steps"), y_axis=facts.Axis(name="recalled", unit="share"),
                x=(1, 2, 3), y=(0.9, None, 0.4), low=(0.8, None, 0.3), high=(0.95, None, 0.5), null=(0.1, 0.1, 0.1),
            )
        },
        tables={"by_town": facts.FactTable(values={"town": ("Bern", "Basel"), "kept": (0.9, None)})},
        ranked={"best_kept": facts.Ranked(ids=(3, 8), figures={"label": (1, 0), "told_by": ("echo", "order")})},
        reference="A plug-in 2026",
    )  # fmt: skip


def _simple(
    subject: dict,
    shares: tuple[float, float, float],
    metric: str,
    scores: tuple[float, float],
    rows: Exhibits,
    exhibits: dict,
    **more: Any,
) -> dict:
    """A smaller audit: bits, gap and the counterfactual of any subject."""
    n, things = subject["n"], subject["nouns"]
    half = (0.021, 0.024, 0.013)
    quantities = {}
    values = subject["kind"] == "values"
    if not values:
        quantities["reference_bits"] = quantity(n, "bits", None, None, n)
    of_variance = {"understood": "understood_share", "memorised": "memorised_share_of_variance", "left": "left_share"}
    for name, value, wide in zip(("understood", "memorised", "left"), shares, half):
        if not values:
            quantities[f"{name}_bits"] = quantity(value * n, "bits", ((value - wide) * n, (value + wide) * n), 0.0, n)
        quantities[of_variance[name] if values else f"{name}_bits_share"] = quantity(
            value, "share", (value - wide, value + wide), 0.0, n, CALIBRATION
        )
    unit: Any = "accuracy" if metric == "accuracy" else "r2"
    null = 0.5 if metric == "accuracy" else 0.0
    bits = Finding(
        probe="complexity/description-length",
        question="Which shares of the variance of the values are understood, memorised, not learned?"
        if values
        else "How many of the label bits are understood, memorised, left?",
        headline="memorised_share_of_variance" if values else "memorised_bits_share",
        quantities=quantities,
        poles=(Pole(name="Oracle", value=0.0), Pole(name="Rote", value=1.0)),
        reference="Morris et al. 2025",
    ), Card(
        says="of the variance is known by heart" if values else "of the bits are memorised",
        rows=(("n", f"{n} {things}"),),
        body=(f"Half of what is memorised sits in a tenth of the {things}.",),
        tables={"by kind": Table(columns=("kind", things), rows=(("all", str(n)),))},
        how=("left = what models that saw it still need.",),
        notes={name: f"{name}, over all {things}" for name in quantities},
    )
    gap = Finding(
        probe="generalization/gap",
        question=f"How much worse is it on {things} it has not seen?",
        headline="gap",
        quantities={
            "gap": quantity(
                scores[0] - scores[1],
                "points" if metric == "accuracy" else "r2",
                (scores[0] - scores[1] - 0.03, scores[0] - scores[1] + 0.03),
                0.0,
                n,
            ),
            f"train_{metric}": quantity(
                scores[0], unit, (scores[0] - 0.01, min(1.0, scores[0] + 0.01)), null, n, speaks_of="run"
            ),
            f"test_{metric}": quantity(
                scores[1],
                unit,
                (scores[1] - 0.03, min(1.0, scores[1] + 0.03)),
                null,
                subject["n_test"],
                speaks_of="run",
            ),
        },
        reference="Wilson 1927",
    ), Card(
        says="between its own and new ones",
        charts=(
            Chart(
                title="Score over epochs",
                description="Its own and new examples.",
                x=Axis(title="epoch"),
                y=Axis(title=metric, format="percent" if metric == "accuracy" else "number"),
                lines=(
                    Line(
                        label=f"training {things}",
                        role="memorised",
                        x=(1.0, 5.0, 10.0, 20.0),
                        y=(null, scores[1], (scores[0] + scores[1]) / 2, scores[0]),
                    ),
                    Line(
                        label=f"new {things}",
                        role="understood",
                        x=(1.0, 5.0, 10.0, 20.0),
                        y=(null, scores[1] - 0.02, scores[1], scores[1]),
                    ),
                ),
            ),
        ),
    )
    counterfactual = (
        {"memorised_share": quantity(0.061, "share", (0.043, 0.082), 0.012, n)}
        if subject["kind"] == "classes"
        else {}
    )
    memory = Finding(
        probe="memory/counterfactual",
        question=f"Which {things} are right only because they were trained on?",
        headline="memorised_share" if counterfactual else "",
        quantities=counterfactual,
        poles=(Pole(name="Oracle", value=0.0), Pole(name="Rote", value=1.0)),
        reference="Feldman and Zhang 2020",
    ), Card(
        says=f"of the training {things} score 0.25 or more",
        exhibits=(rows,),
        body=()
        if counterfactual
        else (
            "Values have no right and wrong: scores are ranked by how much the squared error falls when the example was seen.",
        ),
    )
    model = {
        name: {"value": value, "interval": [value - wide, value + wide]}
        for name, value, wide in zip(("understood", "memorised", "left"), shares, half)
    }
    trail = [
        {
            "epoch": e,
            "understood": shares[0] * (1 - math.exp(-e / 3)),
            "memorised": shares[1] * (e / 20) ** 2,
            "left": 0.0,
        }
        for e in (0, 1, 3, 5, 10, 20)
    ]
    balance = {
        "model": model,
        "trail": trail,
        "poles": [{"name": "Rote", "understood": 0.0, "memorised": 1.0}],
        "rivals": [{"name": "chance", "understood": 0.0, "memorised": 0.0}],
    }
    return audit(
        subject,
        [
            memory,
            gap,
            bits,
            _elsewhere(),
            NotApplicable(
                probe="memory/label-noise",
                question="Which labels are worth checking, and are they memorised?",
                reason=own(
                    "No label was redrawn: the data came from you.",
                    "`byheart audit` without a subject plants its own.",
                ),
            ),
        ],
        **{"balance": balance, "exhibits": exhibits, **more},
    )


def table() -> dict:
    """(b) A table with two classes: scikit-learn's breast cancer data."""
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    names = list(data.target_names)
    ids = [3, 38, 73, 89, 91, 135, 190, 205]
    exhibits = {
        f"train:{i}": {
            "label": str(names[data.target[i]]),
            "picture": None,
            "photograph": False,
            "text": None,
            "fields": [[str(name), f"{value:.4g}"] for name, value in zip(data.feature_names, data.data[i])],
        }
        for i in ids
    }
    rows = [
        Exhibit(
            id=i,
            lines=(
                str(names[data.target[i]]),
                str(names[1 - data.target[i]]),
                f"{14 + i % 7} of {18 + i % 5}",
            ),
            sentence=f"patient {i}, labelled {names[data.target[i]]}",
        )
        for i in ids
    ]
    shown = Exhibits(
        title="Most memorised",
        keys=("label", "the others say", "how many"),
        groups=(
            ExhibitGroup(label="labels we redrew", ring=True, shown=tuple(rows[:3])),
            ExhibitGroup(label="labels as they came", shown=tuple(rows[3:])),
        ),
    )
    subject = {
        "title": "breast cancer, random forest",
        "task": "breast-cancer.csv",
        "data": "breast-cancer.csv",
        "learner": "random forest of 100 trees",
        "learner_article": "a",
        "noun": "patient",
        "nouns": "patients",
        "kind": "classes",
        "n": 455,
        "n_test": 114,
        "k": 2,
        "classes": names,
        "epochs": None,
        "members": 64,
        "share": 0.7,
        "parameters": None,
        "run": "0011aabbccdd",
        "reference": "class frequencies, 0.95 bits a label",
    }
    return _simple(
        subject,
        (0.702, 0.113, 0.185),
        "accuracy",
        (0.998, 0.956),
        shown,
        exhibits,
        issues=issues(names),
        provenance=provenance("byheart audit breast-cancer.csv --learner forest --seed 0"),
        planted={
            "redrawn": 46,
            "changed": 23,
            "found": 17,
            "found_share": 17 / 23,
            "found_interval": [0.53, 0.87],
            "chance": 0.0505,
        },
    )


def regression() -> dict:
    """(c) Regression: scikit-learn's diabetes data."""
    from sklearn.datasets import load_diabetes

    data = load_diabetes(scaled=False)
    ids = [8, 17, 84, 105, 152, 255, 321]
    exhibits = {
        f"train:{i}": {
            "label": f"{data.target[i]:.0f}",
            "picture": None,
            "photograph": False,
            "text": None,
            "fields": [[str(name), f"{value:.3g}"] for name, value in zip(data.feature_names, data.data[i])],
        }
        for i in ids
    }
    rows = tuple(
        Exhibit(id=i, lines=(f"{data.target[i]:.0f}", f"{data.target[i] * 0.6:.0f}"), sentence=f"patient {i}")
        for i in ids
    )
    shown = Exhibits(
        title="Most memorised", keys=("value", "the others say"), groups=(ExhibitGroup(label="", shown=rows),)
    )
    subject = {
        "title": "diabetes, gradient boosting",
        "task": "diabetes.csv",
        "data": "diabetes.csv",
        "learner": "boosted ensemble of trees",
        "learner_article": "a",
        "noun": "patient",
        "nouns": "patients",
        "kind": "values",
        "n": 354,
        "n_test": 88,
        "k": None,
        "classes": [],
        "epochs": None,
        "members": 64,
        "share": 0.7,
        "parameters": None,
        "run": "77aabbccdd00",
        "reference": "the mean of what each member was trained on",
    }
    return _simple(
        subject,
        (0.42, 0.48, 0.1),
        "r2",
        (0.9, 0.447),
        shown,
        exhibits,
        provenance=provenance("byheart audit diabetes.csv --seed 0"),
    )


def shuffled() -> dict:
    """Labels all at random: understood is below nothing, and all that is learned is memory."""
    made = table()
    findings = made["findings"]["complexity/description-length"]["quantities"]
    for name, value in (("understood", -0.14), ("memorised", 1.02), ("left", 0.12)):
        findings[f"{name}_bits_share"] |= {"value": value, "interval": [value - 0.02, value + 0.02]}
        made["balance"]["model"][name] = {"value": value, "interval": [value - 0.02, value + 0.02]}
    return made


def text() -> dict:
    """Two classes of short texts, one group, no test set."""
    made = table()
    made["subject"] |= {
        "noun": "message",
        "nouns": "messages",
        "data": "spam.csv",
        "learner": "bag of words",
        "title": "spam",
    }
    for i, one in enumerate(made["exhibits"].values()):
        one |= {
            "fields": None,
            "text": f"Message {i}: congratulations, you have been chosen for a prize that you never asked for; reply before noon to claim it, and tell nobody.",
        }
    return made


def hidden() -> dict:
    """The images with `--hide-examples`."""
    return {**fashion(), "exhibits": {}, "hidden": True}


def nothing() -> dict:
    """(d) Everything withheld, not applicable or failed."""
    made = fashion()
    names = list(made["findings"])
    questions = {name: made["findings"][name]["question"] for name in names}
    withheld = own(
        "8 members are too few: the interval of the memorised share is 31 points wide",
        "64 members, about 2 CPU minutes",
    )
    kept = made["findings"]["complexity/description-length"] | {
        "status": "withheld",
        "headline": "",
        "withheld": dump(withheld),
    }
    made["findings"] = {
        "complexity/description-length": dump(Finding.model_validate(kept)),
        "memory/counterfactual": dump(
            Failed(
                probe="memory/counterfactual",
                question=questions["memory/counterfactual"],
                error="StepFailed: member 12 diverged at epoch 3: loss is not finite",
            )
        ),
        "memory/label-noise": dump(
            NotApplicable(
                probe="memory/label-noise", question=questions["memory/label-noise"], reason=own("No label was redrawn.")
            )
        ),
        "memory/influence": made["findings"]["memory/influence"],
        "generalization/gap": dump(
            NotApplicable(
                probe="generalization/gap",
                question=questions["generalization/gap"],
                reason=own("There is no test set.", "Give some examples that it was not trained on."),
            )
        ),
        "weather/skill": dump(
            Finding(
                probe="weather/skill",
                question="Does it beat climatology?",
                headline="skill",
                reference="A plug-in 2026",
                quantities={"skill": quantity(0.31, "ratio", (0.22, 0.4), 0.0, 812)},
            )
        ),
    }
    made["cards"]["weather/skill"] = dumped(Card(says="of the squared error of climatology is gone"))
    return made | {"planted": None, "balance": None, "one_model": None, "levers": [], "verdicts": []}


PAYLOADS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><b>",
    "{{7*7}}",
    "{% raw %}",
    "x" * 400,
    "\u05e9\u05dc\u05d5\u05dd \u202e\u0639\u0631\u0628",
    "\U0001f600\U0001f3f4",
    "\x00\x1b]8;;http://evil\x07\u2028",
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "<!--",
    "]]>",
    "&lt;b&gt;",
    "\ud800",
]


# words of ours, most of which a record checks
FIXED = {
    "kind", "status", "unit", "role", "shape", "weight", "axis", "format", "outcome", "headline", "probe", "better",
    "speaks_of", "anchor", "view", "why_no_interval",
}  # fmt: skip


def is_ours(key: str, value: str) -> bool:
    """Whether a text is a code of ours: those of a field, and of why there is no number (of a verdict it is text)."""
    return key in FIXED or (key == "code" and value in FIGURES)


def spoiled(made: dict, *payloads: str) -> dict:
    """`made` with the payloads in turn in every text that data, users or plug-ins can fill."""
    turn = cycle(payloads)

    def spoil(value: Any, key: str = "") -> Any:
        if isinstance(value, str):
            return value if key == "picture" or is_ours(key, value) else f"{value[:40]} {next(turn)}"
        if isinstance(value, dict):
            return {name: spoil(one, name) for name, one in value.items()}
        return [spoil(one, key) for one in value] if isinstance(value, list) else value

    return spoil(made)


def hostile() -> dict:
    """(e) Texts that try to leave their place, in turn through all of the document."""
    return spoiled(fashion(), *PAYLOADS)


ALL = {
    "fashion": fashion,
    "table": table,
    "regression": regression,
    "shuffled": shuffled,
    "text": text,
    "hidden": hidden,
    "nothing": nothing,
    "hostile": hostile,
}
