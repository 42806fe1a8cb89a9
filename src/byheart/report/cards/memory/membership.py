"""The card of memory/membership."""

from __future__ import annotations

from collections.abc import Sequence

from byheart.records.finding import Finding
from byheart.records.formatting import count, number, percent, with_article
from byheart.report.cards.base import About, Card, Row, apart
from byheart.report.cards.default import notes_of
from byheart.report.chart import Axis, Chart, Line, Mark, Table
from byheart.report.examples import Exhibit, Exhibits


def card(finding: Finding, about: About) -> Card:
    """The strongest attack, what it finds at few false alarms, and whom it finds."""
    if finding.details.get("by_loss_alone"):
        return _by_loss_alone(finding, about)
    return Card(
        says=f"AUC: how often a model's own training {about.noun} looks more like one than "
        f"{with_article(about.noun)} it never saw",
        body=_body(finding, about),
        charts=(_chart(finding, about),) if finding.curves else (),
        exhibits=_exhibits(finding, about),
        how=_how(finding, about),
        notes=_notes(finding, about),
    )


def _by_loss_alone(finding: Finding, about: About) -> Card:
    """Of few members: one attack, on average."""
    noun, nouns, details = about.noun, about.nouns, finding.details
    what = "error" if about.words.continuous else "loss"
    said = f"one threshold on the {what} for all pairs of a member and {with_article(noun)}"
    return Card(
        says=f"AUC: how often a model's own training {noun} looks more like one than {with_article(noun)} it never saw",
        body=(
            f"The attack by {what} alone: {count(details['judged_seen'])} pairs of a member and {with_article(noun)} "
            f"it saw, {count(details['judged_unseen'])} of one it did not.",
            "Attacks that compare models, what is found at few false alarms, and the risk of single "
            f"{nouns} take at least 8 members.",
        ),
        how=(
            f"Score: {about.words.score}. AUC = share of pairs of a seen and an unseen {noun} in which the seen one "
            "scores higher, ties half. Oracle 0.5, Rote 1.",
            "An attack is a lower bound: with more members a stronger one is possible. Cost: no training of its own.",
        ),
        notes=notes_of(finding, {"membership_auc": said, "loss_threshold_auc": said}),
    )


def _attacks(about: About) -> dict[str, str]:
    return {
        "online": "likelihood ratio",
        "offline": f"models that never saw the {about.noun}",
        "loss_threshold": f"{'error' if about.words.continuous else 'loss'} alone, no other models",
    }


def _choice(about: About, pair: Sequence[str]) -> str:
    """Which attack each half of the members was chosen."""
    first, second = (_attacks(about)[name] for name in pair)
    if first == second:
        return f"{first} (each half of the members chose it for the other)"
    return f"{first}, scored on the first half of the members, and {second} on the second (the other half chose each)"


def _notes(finding: Finding, about: About) -> dict[str, str]:
    said = {"membership_auc": f"strongest attack, {_choice(about, finding.details['strongest'])}, under one threshold"}
    said |= {f"{name}_auc": f"{words}, under one threshold" for name, words in _attacks(about).items()}
    levels = finding.tables["levels"].rows()
    for row in levels:
        attack = _choice(about, (row["first_half"], row["second_half"]))
        said[row["quantity"]] = (
            f"share of training {about.nouns} found where {percent(row['level'])} of the others are taken for one, "
            f"{count(row['false_alarms'])} false alarms, by the strongest attack there, {attack}"
        )
    return notes_of(finding, said, {row["quantity"]: "a guess finds as many" for row in levels})


def _body(finding: Finding, about: About) -> tuple[str, ...]:
    words = _attacks(about)
    sentences = [f"The strongest of three attacks: {_choice(about, finding.details['strongest'])}."]
    if finding.quantities["membership_auc"].value < 0.5 - 1e-9:
        sentences.append("Even that is worse than a guess, whose AUC is 0.5.")
    sentences += [_at(finding, about, level) for level in finding.tables["levels"].rows()]
    if "found_of_redrawn" in finding.details:
        redrawn, others = finding.details["found_of_redrawn"], finding.details["found_of_others"]
        sentences.append(
            f"Labels we changed give themselves away: of these {percent(redrawn, 0)} are found at 1\u202f% false "
            f"alarms, of the labels as they came {percent(others, 0)}."
            if redrawn > others
            else f"Labels we changed are found no more often: {percent(redrawn, 1)} at 1\u202f% false alarms, "
            f"{percent(others, 1)} of the labels as they came."
        )
    each = ", ".join(f"{words[name]} {number(finding.quantities[f'{name}_auc'].value, 2)}" for name in words)
    return (*sentences, f"AUC of each attack over all members: {each}.")


def _at(finding: Finding, about: About, row: Row) -> str:
    """What is found at one level of false alarms."""
    level, found = row["level"], finding.quantities.get(row["quantity"])
    at = percent(level, 0 if level >= 0.01 else 1)
    if found is None:
        alarms = f"{row['false_alarms']} false alarm{'' if row['false_alarms'] == 1 else 's'}"
        return (
            f"At {at} false alarms: withheld, {alarms} in the place of {finding.details['false_alarms_needed']}; "
            f"{count(row['members_needed'])} members would be needed."
        )
    pair, words = (row["first_half"], row["second_half"]), _attacks(about)
    there = " / ".join(dict.fromkeys(words[name] for name in pair))
    what = "it" if pair == finding.details["strongest"] else f"the strongest attack there ({there})"
    low, high = (number(100 * end, 1) for end in found.interval)
    guess = f"fewer than a guess, which finds {at}" if found.value < level else f"a guess finds {at}"
    return (
        f"At {at} false alarms {what} finds {percent(found.value)} [{low}, {high}] of the training {about.nouns}; "
        f"{guess}."
    )


def _chart(finding: Finding, about: About) -> Chart:
    best, nouns, auc = finding.curves["strongest"], about.nouns, number(finding.quantities["membership_auc"].value, 2)
    words = {name: word for name, word in _attacks(about).items() if name in finding.curves}
    floor = best.x[0]
    lines = [
        Line(
            label=f"strongest attack, AUC {auc}", role="memorised", x=best.x, y=best.y,
            low=tuple(max(floor / 2, low) for low in best.low), high=best.high,
        ),
        *(
            Line(label=words[name], role=role, x=best.x, y=finding.curves[name].y)
            for name, role in zip(words, ("ink", "muted", "muted"))
        ),
        Line(label="a guess", role="null", x=best.x, y=best.null),
    ]  # fmt: skip
    level, marks, said = finding.tables["levels"].rows()[0], (), "."
    if (at := finding.quantities.get(level["quantity"])) is not None:
        said = f"; {percent(at.value)} found at 1\u202f% false alarms."
        if (level["first_half"], level["second_half"]) == finding.details["strongest"]:
            marks = (Mark(x=level["level"], y=at.value, label=percent(at.value), role="memorised"),)
    rows = tuple(
        (percent(x, 2), percent(best.y[i]), *(percent(finding.curves[name].y[i]) for name in words))
        for i, x in enumerate(best.x)
        if i % 3 == 0 or i == len(best.x) - 1
    )
    return Chart(
        title=f"Training {nouns} found by false alarms",
        description=f"AUC {auc}{said}",
        x=Axis(
            title=f"{nouns} it never saw, taken for training {nouns}", log=True, domain=(floor, 1.0), format="percent"
        ),
        y=Axis(title=f"training {nouns} found", log=True, domain=(floor / 2, 1.0), format="percent"),
        lines=tuple(lines),
        marks=marks,
        reading=(
            "Left counts: an attacker who must be sure allows few false alarms. Above the dashed line the model gives "
            f"its training {nouns} away; both scales are logarithmic. The line begins where "
            f"{finding.details['false_alarms_needed']} false alarms stand behind it; band: 95\u202f%."
        ),
        table=Table(columns=("false alarms", "strongest attack", *words.values()), rows=rows),
    )


def _exhibits(finding: Finding, about: About) -> tuple[Exhibits, ...]:
    if (ranked := finding.ranked.get("most_exposed")) is None:
        return ()

    def exhibit(row: Row) -> Exhibit:
        label, risk, saw = about.label(row.get("label")), number(row["risk"], 2), row["saw"]
        found, second = "", risk
        if "found_in" in row:
            found = f"found in {row['found_in']} of the {saw} members that saw it at 1\u202f% false alarms; "
            second = f"{row['found_in']} of {saw}"
        said = f"{about.target} {label}; " if label else ""
        sentence = f"{about.noun} {about.name(row['id'])}: {said}{found}risk {risk}"
        return Exhibit(id=row["id"], lines=(label, second)[not label :], sentence=sentence)

    keys = (about.target, "found in" if "found_in" in ranked.figures else "risk")["label" not in ranked.figures :]
    return (Exhibits(title="Most exposed", keys=keys, groups=apart(ranked.rows(), exhibit)),)


def _how(finding: Finding, about: About) -> tuple[str, ...]:
    noun, nouns, details = about.noun, about.nouns, finding.details
    return (
        f"Each of the {details['members']} members is attacked in turn; the others say how the score is distributed "
        f"with and without the {noun}. Likelihood ratio: log p(score | seen) \u2212 log p(score | not seen); without "
        f"models that saw the {noun}: \u2212log P(score or more | not seen). Score: {about.words.score}. "
        "The densities are Student's t: the variance of each side is that of the others, shrunk towards that of all "
        f"{nouns} as far as these agree. One other member of the opposite side is set aside, so that seen and unseen "
        f"{nouns} are judged by equally many. Each half of the members chooses the strongest attack for the other "
        "half, by AUC and again at each level of false alarms.",
        f"{count(details['judged_seen'])} judgements of training {nouns}, {count(details['judged_unseen'])} of others. "
        f"Interval: {nouns} (by groups) and attacked members drawn with replacement together; judgements taken as "
        "independent would give one several times too narrow. Levels with fewer than "
        f"{details['false_alarms_needed']} false alarms behind them are withheld. Oracle 0.5, Rote 1.",
        "The model trained on everything has no non-members, so the members stand for the recipe. An attack is a lower "
        "bound: more members make it stronger, a better one may exist. Fails when members are few. Cost: no training "
        "of its own.",
    )
