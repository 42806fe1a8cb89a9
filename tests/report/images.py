"""The document of an audit of images with planted truth: the figures of one real run, built through the records."""

from __future__ import annotations

import json
import math
import random
from functools import cache
from pathlib import Path
from typing import Any

from by_hand import dumped

from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.formatting import count, number, percent
from byheart.records.issue import FigureColumn, IssueList
from byheart.records.provenance import SCHEMA, Provenance
from byheart.records.quantity import Quantity, interval_by
from byheart.records.reason import Reason
from byheart.records.verdict_result import Judgement
from byheart.report.cards import Card
from byheart.report.chart import Axis, Bar, Chart, Line, Mark, Rule, Segment, Table
from byheart.report.examples import Exhibit, ExhibitGroup, Exhibits

FIGURES = json.loads((Path(__file__).parent / "figures.json").read_text())
CLASSES = ["T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
SHARE = "complexity/description-length"
CALIBRATION = "both sides are calibrated by their own cross-fitted log-linear pool of model and reference"


def own(why: str, advice: str = "") -> Reason:
    """A reason of a plug-in's own words."""
    return Reason(code="other", figures={"why": why, "advice": advice})


def quantity(
    value: float,
    unit: str,
    interval: Any,
    null: float | None,
    n: int,
    method: str = "bootstrap over examples, 1,000 draws",
    **more: Any,
) -> Quantity:
    return Quantity(value=value, unit=unit, null=null, n=n, **interval_by(method, interval, "exact"), **more)


def dump(record: Any) -> dict:
    return record.model_dump(mode="json")


@cache
def _pictures() -> tuple[Any, list[int]]:
    import numpy as np

    path = Path(__file__).parents[2] / "src/byheart/tasks/data/fashion-mnist-5k.npz"
    with np.load(path) as data:
        return data["x_train"], data["y_train"].tolist()


def _rows(title: str, groups: list) -> Exhibits:
    made = tuple(
        ExhibitGroup(
            label=label,
            ring="redrew" in label,
            shown=tuple(Exhibit(id=i, lines=tuple(lines), sentence=sentence) for i, lines, sentence in items),
        )
        for label, items in groups
    )
    return Exhibits(title=title, keys=("label", "the others say", "how many"), groups=made)


def _counterfactual(f: dict) -> tuple[Finding, Card]:
    memo, surv = f["memo"], f["surv"]
    x = tuple(surv["x"])
    lines = (
        Line(label="the 223 redrawn labels", role="ink", x=x, y=tuple(surv["planted"])),
        Line(label="all 5,000 training images", role="memorised", x=x, y=tuple(surv["all"])),
        Line(label="membership shuffled (null)", role="null", x=x, y=tuple(surv["null"])),
    )
    at = [x.index(step) for step in (0.10, 0.25, 0.40, 0.55, 0.70, 0.85, 1.0)]
    table = Table(
        columns=("score at least", "all", "redrawn", "shuffled"),
        rows=tuple(
            (number(x[i], 2), percent(surv["all"][i]), percent(surv["planted"][i]), percent(surv["null"][i]))
            for i in at
        ),
    )
    chart = Chart(
        title="Share of images by memorisation score",
        description="22.8 % of all images and 80 % of the redrawn labels score 0.25 or more; 0.4 % with membership shuffled.",
        x=Axis(title="memorisation score at least \u2026", domain=(-0.2, 1.0), ticks=(0, 0.25, 0.5, 0.75, 1)),
        y=Axis(title="share of images", format="percent", domain=(0, 1)),
        lines=lines,
        marks=(
            Mark(
                x=0.25,
                y=0.228,
                label=percent(0.228),
                role="memorised",
                note="of all training images score 0.25 or more",
            ),
            Mark(
                x=0.25,
                y=0.8027,
                label=percent(0.8027, 0),
                shape="ring",
                note="of the redrawn labels score 0.25 or more",
            ),
        ),
        reading="The height at score x is the share of images that are right at least x more often when they were in the training set. "
        "The headline is the orange line at 0.25. The dashed line is what chance gives with 64 members.",
        table=table,
    )
    return Finding(
        probe="memory/counterfactual",
        question="Which images are right only because they were trained on?",
        headline="memorised_share",
        quantities={
            "memorised_share": quantity(
                memo["share"]["value"],
                "share",
                memo["share"]["interval"],
                memo["share"]["null"],
                5000,
                "share of scores of 0.25 or more; bootstrap over images and jackknife over members, added; null with membership shuffled, 20 times",
            )
        },
        poles=(Pole(name="Oracle", value=0.0), Pole(name="Rote", value=1.0)),
        reference="Feldman and Zhang 2020, What neural networks memorize and why, section 3",
    ), Card(
        says="of the training images score 0.25 or more",
        rows=(
            ("n", "5,000 images, 64 members"),
            ("ties", "212 images tie at 1.00; ties are ordered by memorised bits"),
        ),
        body=(
            "Of the redrawn labels 80\u202f% [75, 85], of the labels as they came 20\u202f% [19, 21]. Two halves of the members rank the images alike: Spearman 0.89. A single score is known to \u00b10.34 at worst.",
        ),
        charts=(chart,),
        exhibits=(_rows("Most memorised", f["exhibits"][0]),),
        how=(
            "score = share of members right about an image among those that saw it \u2212 the same among those that did not. Every image was left out by 6 to 35 of the 64 members. Rote scores 1 on every image, the Oracle 0.",
            "Fails when an image is left out by too few members, or near-duplicates stand in for one another. Cost: no training of its own; it reads the 64 members.",
        ),
    )


def _quadrant(f: dict) -> tuple[Finding, Card]:
    draw = random.Random(0)
    marks = []
    for _i in range(1400):
        bits = math.exp(draw.gauss(-1.2, 1.6))
        marks.append(
            Mark(
                x=min(max(bits, 0.01), 14),
                y=min(1.0, max(-0.1, draw.gauss(0.05 + 0.2 * math.log10(bits + 1), 0.12))),
                note="",
            )
        )
    for image in range(223):
        bits = math.exp(draw.gauss(1.9, 0.4))
        marks.append(
            Mark(
                x=min(bits, 14),
                y=min(1.0, max(-0.1, draw.choice([1.0, 1.0, draw.random()]))),
                shape="ring",
                note=f"image {image}, redrawn",
            )
        )
    quads = f["quadrants"]
    names = {
        "ur": "others bet against it, memorised",
        "lr": "others bet against it, not memorised",
        "ul": "others find it plausible, memorised",
        "ll": "others find it plausible, not memorised",
    }
    chart = Chart(
        title="Memorisation score against held-out code length",
        description="Redrawn labels lie to the right: models without them bet against them.",
        x=Axis(title="bits that models without the image need for its label", log=True),
        y=Axis(title="memorisation score", domain=(-0.15, 1.1), ticks=(0, 0.25, 0.5, 0.75, 1)),
        marks=tuple(marks),
        rules=(Rule(axis="x", at=math.log2(10), label="a blind guess"), Rule(axis="y", at=0.25, label="0.25")),
        reading="Right of the dashed line, models that never saw the image bet against its label; above the other, seeing it made the difference. Rings are the labels we redrew, squares count all the others (stronger is more, on a log scale).",
        table=Table(
            columns=("", "images", "of them redrawn"),
            rows=tuple((names[key], count(quads[key][0]), count(quads[key][1])) for key in names),
        ),
    )
    auc = f["quad"]["auc"]
    return Finding(
        probe="memory/label-noise",
        question="Which labels are worth checking, and are they memorised?",
        headline="planted_auc",
        quantities={
            "planted_auc": quantity(
                auc["value"],
                "auc",
                auc["interval"],
                0.5,
                5000,
                "bootstrap within each group, 1,000 draws; 0.5 by definition",
            )
        },
        poles=(Pole(name="Rote", value=0.5), Pole(name="Oracle", value=1.0)),
        reference="Northcutt, Jiang and Chuang 2021, Confident learning, for the use of held-out predictions",
    ), Card(
        says="AUC of held-out loss for the redrawn labels",
        rows=(("n", "223 redrawn, 4,777 others"),),
        body=(
            "The memorisation score alone finds them less well, AUC 0.86 [0.84, 0.89]: 44 of the redrawn labels score below 0.25. The members that saw them did not learn them either, so they are not memorised, only wrong.",
        ),
        charts=(chart,),
        exhibits=(_rows("Look wrong, not memorised", f["exhibits"][1]),),
        how=(
            "Across: code length of the label under the members that did not see the image, in bits, after calibration. Up: the score of the card above.",
        ),
    )


def _pairs(f: dict) -> tuple[Finding, Card]:
    hist = f["infl_hist"]
    chart = Chart(
        title="Number of pairs by influence",
        description="The measured and the shuffled counts coincide.",
        x=Axis(title="estimated influence at least \u2026", domain=(0.1, 1.0)),
        y=Axis(title="number of pairs", log=True, format="count"),
        lines=(
            Line(label="measured", role="ink", x=tuple(hist["bins"]), y=tuple(hist["real"]), step=True),
            Line(label="membership shuffled", role="null", x=tuple(hist["bins"]), y=tuple(hist["null"]), step=True),
        ),
        marks=(Mark(x=0.8936, y=1, label="one pair stands clear", role="memorised"),),
        reading="How many of the 10 million pairs reach an influence of x. Where the two lines lie on each other, single pairs mean nothing.",
        table=Table(
            columns=("influence at least", "measured", "shuffled once"),
            rows=(("0.1", "455,102", "454,654"), ("0.5", "119", "111")),
        ),
    )
    return Finding(
        status="withheld",
        probe="memory/influence",
        question="Which training image helps which new image?",
        quantities={},
        reference="Feldman and Zhang 2020, What neural networks memorize and why",
        withheld=own("64 members are too few to rank 10 million pairs", "about 1,730 members, 54 CPU minutes"),
    ), Card(
        rows=(("measured", "216,714 pairs at 0.15 or more"), ("null", "216,227 [215,445, 216,855], shuffled")),
        body=(
            "One pair stands clear of chance: influence 0.89, where the largest of 10 million is 0.67 under shuffling and never above 0.84 in 199 shuffles (p = 0.005).",
        ),
        charts=(chart,),
        exhibits=(
            Exhibits(
                title="The pair",
                keys=("label",),
                groups=(
                    ExhibitGroup(
                        label="clear of chance",
                        shown=(
                            Exhibit(id=1848, lines=("Sandal",), sentence="training image 1848"),
                            Exhibit(id=945, view="test", lines=("Sandal",), sentence="new image 945"),
                        ),
                    ),
                ),
            ),
        ),
        how=(
            "influence = share of members right about new image j among those that saw training image i \u2212 the same among those that did not.",
        ),
    )


def _gap(f: dict) -> tuple[Finding, Card]:
    gap, trail = f["gap"], [step for step in f["trail"] if step["epoch"]]
    x = tuple(float(step["epoch"]) for step in trail)

    def line(name: str, label: str, role: Any, n: int, markers: bool = False) -> Line:
        y = tuple(step[name] for step in trail)
        half = [1.96 * math.sqrt(value * (1 - value) / n) for value in y]
        return Line(
            label=label,
            role=role,
            x=x,
            y=y,
            low=tuple(max(0.0, v - h) for v, h in zip(y, half)),
            high=tuple(min(1.0, v + h) for v, h in zip(y, half)),
            markers=markers,
        )

    chart = Chart(
        title="Accuracy over epochs",
        description="Training 97.3 %, new images 84.2 %, redrawn labels 71 % at epoch 50.",
        x=Axis(title="epoch", log=True),
        y=Axis(title="share of labels it gets right", format="percent", domain=(0, 1)),
        lines=(
            line("train", "training images 97.3\u202f%", "memorised", 5000),
            line("test", "new images 84.2\u202f%", "understood", 2000),
            line("flips_fitted", "redrawn labels 71\u202f%", "ink", 223, True),
        ),
        rules=(
            Rule(axis="y", at=0.1, label="chance 10\u202f%"),
            Rule(axis="y", at=0.7745, label="1-nearest neighbour 77\u202f%"),
        ),
        reading="Until epoch 8 both lines rise together. After that the model gains on its own images only. Bands are 95\u202f% intervals; the scale of epochs is logarithmic.",
        table=Table(
            columns=("epoch", "training", "new", "redrawn labels"),
            rows=tuple(
                (count(step["epoch"]), percent(step["train"]), percent(step["test"]), percent(step["flips_fitted"], 0))
                for step in trail
            ),
        ),
    )
    run = {"speaks_of": "run"}
    return Finding(
        probe="generalization/gap",
        question="How much worse is it on images it has not seen?",
        headline="gap",
        quantities={
            "gap": quantity(
                gap["gap"]["value"], "points", gap["gap"]["interval"], 0.0, 7000, "both binomial variances added", **run
            ),
            "train_accuracy": quantity(gap["train"][0], "accuracy", gap["train"][1:], 0.1, 5000, "Wilson", **run),
            "test_accuracy": quantity(gap["test"][0], "accuracy", gap["test"][1:], 0.1, 2000, "Wilson", **run),
        },
        poles=(Pole(name="Oracle", value=-0.045), Pole(name="Rote", value=0.9)),
        reference="Wilson 1927, Probable inference, for the intervals",
    ), Card(
        says="97.3\u202f% [96.8, 97.7] on its own, 84.2\u202f% [82.6, 85.8] on new images",
        rows=(("n", "5,000 and 2,000 images"),),
        body=("The Oracle\u2019s gap is below zero: 223 training labels were redrawn and no new ones.",),
        charts=(chart,),
        how=(
            "gap = accuracy on the training labels as given \u2212 accuracy on the test labels, of the one model trained on everything.",
        ),
    )


def _bits(f: dict, understood: float | None = None) -> tuple[Finding, Card]:
    bits = f["bits"]
    total = bits["reference"] if understood is None else 16610.0
    values = {name: bits[name]["value"] for name in ("understood", "memorised", "left")}
    spans = {name: bits[name]["interval"] for name in values}
    values["memorised"] = 4665.5
    values["understood"], total = 11113.1, 16609.6
    quantities = {"reference_bits": quantity(total, "bits", None, None, 5000)}
    for name, value in values.items():
        quantities[f"{name}_bits"] = quantity(value, "bits", spans[name], 0.0 if name != "left" else total, 5000)
        quantities[f"{name}_bits_share"] = quantity(
            value / total,
            "share",
            [end / total for end in spans[name]],
            0.0 if name != "left" else 1.0,
            5000,
            CALIBRATION,
        )
    quantities["half_in_share"] = quantity(f["concentration"]["half_in"], "share", None, None, 5000)
    quantities["memorised_bits_per_parameter"] = quantity(0.04584, "bits/parameter", (0.0435, 0.0482), 0.0, 5000)
    rows = [
        ("all 5,000 labels", 2.222, 0.933, 0.166),
        ("the 4,777 that came with the images", 2.533, 0.669, 0.119),
        ("the 223 redrawn at random", -4.435, 6.588, 1.169),
    ]
    made = []
    for label, u, m, left in rows:
        without = left + m
        made.append(
            Bar(
                label=label,
                segments=(
                    Segment(start=0, stop=left, role="left", label=f"left {number(left, 2)}"),
                    Segment(start=left, stop=without, role="memorised", label=f"memorised {number(m, 2)}"),
                    Segment(
                        start=without,
                        stop=without + u,
                        role="understood",
                        label=f"understood {number(u, 2)}" + (": worse than a blind guess" if u < 0 else ""),
                    ),
                ),
            )
        )
    chart = Chart(
        title="Code length of a label",
        description="Understood, memorised and left bits per label, for all, original and redrawn labels.",
        x=Axis(title="bits to write down one label"),
        bars=tuple(made),
        rules=(Rule(axis="x", at=math.log2(10), label="a blind guess needs 3.32"),),
        reading="Grey ends where models that saw the label stand, orange where models that never saw it stand. From the guess back to the end of orange is understood. For the redrawn labels that step is negative.",
        table=Table(
            columns=("bits a label", "understood", "memorised", "left"),
            rows=tuple((label, number(u, 2), number(m, 2), number(left, 2)) for label, u, m, left in rows),
        ),
    )
    return Finding(
        probe="complexity/description-length",
        question="How many of the label bits are understood, memorised, left?",
        headline="memorised_bits_share",
        quantities=quantities,
        poles=(Pole(name="Oracle", value=0.0), Pole(name="Rote", value=1.0)),
        reference="Morris et al. 2025, How much do language models memorize?, with left-out members as the reference model",
    ), Card(
        says="memorised: 4,670 of 16,610 bits [4,430, 4,910]",
        rows=(("n", "5,000 labels"),),
        body=(
            "54\u202f% of the memorised bits sit in a tenth of the images. That is 0.046 bits a parameter [0.043, 0.048]; language models were seen to hold up to about 3.6.",
        ),
        charts=(chart,),
        how=(
            "For each label: reference = the code of the class frequencies; understood = reference \u2212 without, memorised = without \u2212 with, left = with.",
        ),
    )


def provenance(command: str = "byheart audit --seed 0", **data: Any) -> dict:
    return dump(
        Provenance(
            command=command,
            seed=0,
            versions={"python": "3.11.7", "torch": "2.13.0", "numpy": "2.4.6", "scipy": "1.17.1"},
            device="cpu",
            threads=1,
            jobs=2,
            data=data
            or {"name": "fashion-mnist-5k.npz", "licence": "MIT", "sha256": "cfa405590a9e" + "0" * 52, "n": 5000},
            learner={"name": "mlp", "layers": "784-128-10", "rate": 0.005, "batch": 128, "epochs": 50},
            members={"members": 64, "share": 0.7, "epochs kept": [0, 1, 2, 3, 5, 8, 13, 20, 32, 50]},
            way="stacked",
            cpu_seconds={"training": 114.8, "recording": 7.8, "measuring": 56.2},
            level="bitwise: on this machine, with these versions and threads, every figure comes out the same",
        )
    )


def issues(labels: list[str]) -> list[dict]:
    """Five labels to check by names of the user, three copies of a large group, nobody exposed, the others not listed."""
    names = ["=HYPERLINK(1)", "-7", "plain", 'two\nlines "x"', "@row"]
    check = IssueList(
        kind="label worth checking", rule="Models predict another label.", suggestion="Look at it.",
        ids=names, positions=range(5), labels=[labels[0]] * 5, planted=[False] * 4 + [True], others=[()] * 5,
        n_others=[0] * 5, figures={
            "predicted": FigureColumn(values=[labels[1]] * 5, unit="", means="what most models predict"),
            "votes": FigureColumn(values=[19, 20, 18, 17, 16], unit="members", means="models that predict that label"),
            "held_out_bits": FigureColumn(values=[3.25, 3.0, 2.5, 2.25, 2.0], unit="bits", means="what they pay"),
        },
    )  # fmt: skip
    copies = IssueList(
        kind="duplicate", rule="It has a copy.", suggestion="Keep one.", ids=[3, 38, 73], positions=[3, 38, 73],
        labels=[labels[0]] * 3, planted=[False] * 3, others=[(38, 73), (3, 73), (3, 38)], n_others=[1202, 2, 2],
        figures={"copy_group": FigureColumn(values=[0, 0, 0], unit="", means="equal for copies")},
    )  # fmt: skip
    nobody = IssueList(kind="exposed", rule="An attack finds it.", suggestion="Take it out.")
    closed = IssueList(
        kind="leaked into test", rule="It is in training.", suggestion="Take it out.", reason=Reason(code="no test set")
    )
    judged = IssueList(kind="memorised", rule="r", suggestion="s", judged="BH109 withheld. The interval contains 1 %")
    return [dump(one) for one in (check, copies, nobody, closed, judged)]


def audit(subject: dict, findings: list, **more: Any) -> dict:
    """A document of findings, each with its card by hand or alone."""
    pairs = [one if isinstance(one, tuple) else (one, None) for one in findings]
    made = {
        "schema": SCHEMA,
        "subject": subject,
        "findings": {one.probe: dump(one) for one, _ in pairs},
        "cards": {one.probe: dumped(card) for one, card in pairs if card},
        "verdicts": [],
        "planted": None,
        "balance": None,
        "one_model": None,
        "levers": [],
        "unmeasured": [],
        "issues": [],
        "exhibits": {},
        "hidden": False,
        "provenance": provenance(),
    }
    return json.loads(json.dumps({**made, **more}))


def fashion() -> dict:
    """(a) Images with planted truth: the figures of the mock's run."""
    from byheart.report.pictures import png_data_uri

    f = FIGURES
    x, y = _pictures()
    shown = {i for groups in f["exhibits"] for _, items in groups for i, _, _ in items} | {1848}
    exhibits = {
        f"train:{i}": {
            "label": CLASSES[y[i]],
            "picture": png_data_uri(x[i]),
            "photograph": False,
            "fields": None,
            "text": None,
        }
        for i in sorted(shown)
    }
    exhibits["test:945"] = {
        "label": "Sandal",
        "picture": png_data_uri(x[1848]),
        "photograph": False,
        "fields": None,
        "text": None,
    }
    bits = f["bits"]
    shares = {
        name: {
            "value": bits[name]["value"] / bits["reference"],
            "interval": [end / bits["reference"] for end in bits[name]["interval"]],
        }
        for name in ("understood", "memorised", "left")
    }
    stop = next(step for step in f["stop"] if step["epoch"] == 13)
    verdicts = [
        Judgement(
            code="BH101",
            outcome="issue",
            title="It has learned labels that look wrong.",
            sentence="Of the 223 labels that models without them bet against most, it gives back 162: 73\u202f% [66, 78]. 170 of the 223 we planted ourselves; the other 53 came with the data. Look at them first.",
            threshold="half of the suspicious labels",
            source="a convention",
            anchor="memory/label-noise",
        ),
        Judgement(
            code="BH102",
            outcome="tip",
            title="28.1\u202f% of the label bits are memorised",
            sentence="[26.6, 29.5].",
            threshold="20\u202f% of the label bits",
            source="a convention",
            anchor="complexity/description-length",
        ),
        Judgement(
            code="BH103",
            outcome="withheld",
            title="Enough members for shares, too few for single pairs.",
            sentence="The share of memorised images is known to \u00b11.4 points.",
            threshold="",
            source="",
            anchor="memory/influence",
        ),
    ]
    return audit(
        {
            "title": "Fashion-MNIST, MLP 784-128-10",
            "task": "fashion",
            "data": "Fashion-MNIST",
            "learner": "MLP 784-128-10",
            "learner_article": "an",
            "noun": "image",
            "nouns": "images",
            "kind": "classes",
            "n": 5000,
            "n_test": 2000,
            "k": 10,
            "classes": CLASSES,
            "epochs": 50,
            "members": 64,
            "share": 0.7,
            "parameters": 101770,
            "run": "9f3a51c07be2",
            "reference": "class frequencies, 3.32 bits a label",
            "threshold": 0.25,
            "calibration": CALIBRATION,
        },
        [
            _counterfactual(f),
            _quadrant(f),
            _pairs(f),
            _gap(f),
            _bits(f),
            NotApplicable(
                probe="memory/credit",
                question="Which training images is one prediction made of?",
                reason=own("Credit adds up the steps of training; this run kept no trace of them."),
            ),
        ],
        verdicts=[dump(one) for one in verdicts],
        planted={
            "redrawn": 250,
            "changed": 223,
            "found": 170,
            "found_share": 170 / 223,
            "found_interval": [0.7023, 0.8135],
            "chance": 0.0446,
        },
        balance={
            "model": shares,
            "trail": [
                {name: step[name] for name in ("epoch", "understood", "memorised", "left")} for step in f["trail"]
            ],
            "poles": [
                {"name": "Oracle", "understood": 0.8783, "memorised": 0.0},
                {"name": "Rote", "understood": 0.0, "memorised": 1.0},
            ],
            "rivals": [
                {"name": "1-nearest neighbour", "understood": 0.5006, "memorised": 0.4993, "accuracy": 0.7745},
                {"name": "chance", "understood": 0.0, "memorised": 0.0},
            ],
        },
        one_model={
            "left": {"value": 0.0500, "interval": [0.0458, 0.0543]},
            "memorised": {"value": 0.2809, "interval": [0.2665, 0.2953]},
        },
        levers=[
            {
                "epoch": 13,
                "last": 50,
                "memorised": {"value": stop["d_memorised"][0], "interval": stop["d_memorised"][1:]},
                "understood": {"value": stop["d_understood"][0], "interval": stop["d_understood"][1:]},
                "accuracy": {"value": -0.011, "interval": [-0.02506, 0.003057]},
            }
        ],
        unmeasured=[{"name": "weight decay", "command": "byheart audit --seed 0 --lever weight-decay=0.001"}],
        exhibits=exhibits,
        issues=issues(CLASSES),
    )
