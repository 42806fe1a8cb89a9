"""Exposure: the probe's promises on a small text, its poles, doses, the null, and when it withholds."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from byheart.learners.transformer import Transformer
from byheart.maths.memorisation.exposure import NULL_BITS, null_deviation, null_mean
from byheart.maths.memorisation.extraction import continuation_nats, discoverable
from byheart.probes.base import Bank, Subject, reason
from byheart.probes.memory.exposure import MODELS, Exposure, models
from byheart.probes.memory.exposure.scores import bits_by_letter, continuations
from byheart.records.finding import Finding, NotApplicable
from byheart.report.cards import About, card_of
from byheart.tasks.canaries import Canaries
from byheart.tasks.text import Text
from byheart.testing.probes import ProbeSuite, bank_of, offers_of
from byheart.training.members import balanced
from byheart.training.run import Outcomes, Run

TASK = Canaries(task=Text(n=60, n_test=20), repeats=(1, 4, 16), each=4, held_out=40, references=255, length=3)
SPACE = 26**3
LEARNER = Transformer(width=16, epochs=16, batch=32, lr=0.02)


@functools.cache
def trained():
    return bank_of(Exposure(), TASK, LEARNER, members=8)


@functools.cache
def drawn():
    return TASK.draw(0)


def made(bits, told=None, seed=0, references=None, ranks=None, continued=None, logits=None):
    """A bank of models that need `bits` (m, c) for the secrets of the task, and N(38, 4) for the references.

    `ranks` (m, c) are those among all secrets, `continued` (m, n) the bits of the passages to be continued.
    """
    data, rng = drawn(), np.random.default_rng(seed)
    subject = Subject(TASK, LEARNER, members=8, offers=offers_of(data))
    if references is None:
        references = rng.normal(38, 4, (len(bits), len(data.views["references"])))
    told = np.zeros(bits.shape, bool) if told is None else told
    views = {
        name: Outcomes((values * np.log(2)).astype(np.float32)[None], right[None], None, None)
        for name, values, right in (
            ("canaries", bits, told), ("references", references, np.zeros(references.shape, bool)),
        )
    }  # fmt: skip
    views["canaries"] = replace(views["canaries"], ranks=ranks, logits=logits)
    passages = np.full((len(bits), len(data.views["continued"])), 60.0) if continued is None else continued
    nats = (passages * np.log(2)).astype(np.float32)[None]
    views["continued"] = Outcomes(nats, nats < 0.1, None, None)
    for name in ("train", "test"):
        zeros = np.zeros((1, len(bits), len(data.views[name])), np.float32)
        views[name] = Outcomes(zeros, zeros > 0, None, None)
    need = models(subject)
    run = Run(balanced(len(data.train), len(bits), 1.0, 0), (16,), views, {"outputs": "tokens"})
    return Bank(subject, data, {need.key(): run})


def unseen(seed=1):
    return np.random.default_rng(seed).normal(38, 4, (MODELS, len(drawn().views["canaries"])))


def lookup():
    bits = unseen()
    bits[:, drawn().truth.repeats > 0] = 0.0
    return made(bits, told=np.tile(drawn().truth.repeats > 0, (MODELS, 1)))


class TestExposure(ProbeSuite):
    doses = (0.0, 4.0, 12.0)
    # 4 standard errors of a mean of 12 exposures at the null, whose deviation is about 1.44 bits; models are alike
    pole_tolerance = 4 * 1.44 / np.sqrt(12)
    # models saw everything: there is no left-out side, and copies are counted instead
    test_8_one_sided_examples_are_not_applicable = None

    @pytest.fixture(scope="class")
    def probe(self):
        return Exposure()

    @pytest.fixture(scope="class")
    def bank(self):
        return trained()

    def pole(self, probe, name):
        return lookup() if name == "rote" else made(unseen())

    def dosed(self, probe, dose):
        bits = unseen()
        bits[:, drawn().truth.repeats > 0] -= dose
        return made(bits)


def said(finding):
    return card_of(finding, About(kind="tokens"))


def values(bank):
    finding, columns = Exposure().measure(bank)
    assert columns == {}
    return finding, {name: quantity.value for name, quantity in finding.quantities.items()}


def test_rote_has_the_ceiling_and_is_read_back():
    finding, found = values(lookup())
    assert found["exposure_mean_bits"] == pytest.approx(np.log2(256))
    assert found["extractable_share"] == 1.0
    assert found["memorised_bits_a_secret"] == pytest.approx(3 * np.log2(26))
    assert found["secret_sampled_share"] == found["secret_discoverable_share"] == 1.0
    assert any("likelier than all 255 sampled references: their exposure by rank" in line for line in said(finding).body)
    assert finding.quantities["extractable_share"].null == 0.0


def test_exposure_grows_with_the_copies_and_held_out_secrets_stand_at_the_null():
    finding, found = values(trained())
    assert finding.status == "measured"
    assert "Exposure is exact" in said(finding).body[0]
    assert "17,576" in said(finding).body[0]
    assert found["dose_spearman"] > 0.9
    assert found["exposure_1_bits"] < found["exposure_4_bits"] <= found["exposure_16_bits"] <= np.log2(SPACE)
    error = null_deviation(SPACE - 1) / np.sqrt(40)
    assert abs(found["exposure_held_out_bits"] - null_mean(SPACE - 1)) < 4 * error
    assert finding.quantities["exposure_held_out_bits"].null == pytest.approx(null_mean(SPACE - 1))
    assert found["memorised_bits_a_secret"] > 3 > 5 * finding.quantities["memorised_bits_a_secret"].null
    shares = [finding.quantities[f"secret_{name}_share"] for name in ("sampled", "discoverable")]
    assert all(one.value > 0.02 > 5 * one.null for one in shares)


def test_untrained_models_stand_at_the_null_whatever_was_planted():
    bank = trained()
    need = models(bank.subject)
    run = bank.runs[need.key()]
    views = {
        name: replace(kept, loss_nats=kept.loss_nats[:1], correct=kept.correct[:1], ranks=None)
        for name, kept in run.views.items()
    }
    _, found = values(Bank(bank.subject, bank.data, {need.key(): replace(run, checkpoints=(0,), views=views)}))
    assert abs(found["exposure_mean_bits"] - null_mean(255)) < 4 * null_deviation(255) / np.sqrt(12)
    assert found["extractable_share"] == 0.0


def test_the_table_by_hand():
    finding, _ = values(lookup())
    rows = {row[0]: row for row in said(finding).charts[0].table.rows}
    assert list(rows) == ["held out", "1", "4", "16"]
    assert rows["16"][1] == "8.00"
    assert rows["16"][3:] == ("0.0", rows["1"][4], "100\u202f%", "1")
    assert rows["1"][4] == "14.1"
    assert rows["16"][2].endswith(" beyond")
    assert not rows["held out"][2].endswith(" beyond")
    assert rows["held out"][5] == "0\u202f%"
    assert rows["held out"][6].startswith("10^11")
    card = said(finding).tables["by copies"]
    assert card.columns == ("copies", "sampled", "extrapolated", "said back")
    assert card.rows[-1] == (*rows["16"][:3], "100\u202f%")


def test_where_held_out_secrets_are_off_the_null_nothing_is_believed():
    bits = unseen() - 6.0  # as if the secrets were of an easier kind than their references
    finding, _ = values(made(bits))
    assert finding.status == "withheld"
    assert finding.headline == ""
    assert not finding.poles
    assert finding.withheld.code == "unlike references"
    assert finding.withheld.figures["bits"] > finding.withheld.figures["chance"] + 1


def test_models_that_say_all_alike_are_withheld_and_do_not_break():
    finding, _ = values(
        made(np.full((MODELS, len(drawn().truth.repeats)), 38.0), references=np.full((MODELS, 255), 38.0))
    )
    assert finding.status == "withheld"


@pytest.mark.parametrize("repeats", [None, 0, 1])
def test_without_planted_or_held_out_secrets_it_does_not_apply(repeats):
    bank = made(unseen())
    truth = replace(
        bank.data.truth, repeats=None if repeats is None else np.full_like(bank.data.truth.repeats, repeats)
    )
    found, _ = Exposure().measure(Bank(bank.subject, replace(bank.data, truth=truth), bank.runs))
    assert isinstance(found, NotApplicable)


def test_each_model_is_ranked_by_itself():
    """A model that needs a hundred bits more for everything moves nothing."""
    bits = unseen()
    bits[:, drawn().truth.repeats > 0] -= 5.0
    one, other = made(bits), made(bits)
    need = models(other.subject)
    run = other.runs[need.key()]
    for kept in (run.views["canaries"], run.views["references"]):
        kept.loss_nats[0, 1] += np.float32(100 * np.log(2))
    assert values(one)[1]["exposure_mean_bits"] == pytest.approx(values(other)[1]["exposure_mean_bits"], abs=0.05)


def test_secrets_are_shown_by_their_text_and_none_of_the_references():
    finding, _ = Exposure().measure(trained())
    assert isinstance(finding, Finding)
    shown = [one for group in said(finding).exhibits[0].groups for one in group.shown]
    assert {one.view for one in shown} == {"canaries"}
    assert {one.id for one in shown} <= set(drawn().views["canaries"].ids.tolist())
    assert [group.ring for group in said(finding).exhibits[0].groups] == [True, True, False]


def uniform_ranks(seed=2):
    return np.random.default_rng(seed).integers(1, SPACE + 1, (MODELS, len(drawn().truth.repeats)))


def test_where_all_secrets_were_read_the_ranks_are_the_exposure():
    ranks, bits = uniform_ranks(), unseen()
    planted = drawn().truth.repeats > 0
    ranks[:, planted], bits[:, planted] = 4, 1.0
    finding, found = values(made(bits, ranks=ranks))
    assert found["exposure_mean_bits"] == pytest.approx(np.log2(SPACE / 4))
    assert {pole.name: pole.value for pole in finding.poles} == {
        "Oracle": pytest.approx(null_mean(SPACE - 1)), "Rote": pytest.approx(np.log2(SPACE)),
    }  # fmt: skip
    assert said(finding).charts[0].table.columns[1:4] == ("exact", "sampled", "extrapolated")
    assert any("an assumption, lies" in line for line in said(finding).body)
    assert [line.label.split()[0] for line in said(finding).charts[0].lines] == ["extrapolated", "exact"]


def test_each_form_can_be_asked_for_and_says_its_name():
    ranks, bits = uniform_ranks(), unseen()
    bits[:, drawn().truth.repeats > 0] = 0.0
    ranks[:, drawn().truth.repeats > 0] = 1
    bank, means = made(bits, ranks=ranks), {}
    for method, opening in (
        ("enumerated", "Exposure is exact"), ("sampled", "Exposure is by rank among 255 sampled references"),
        ("extrapolated", "Exposure is extrapolated from the bits of 255"),
    ):  # fmt: skip
        finding, _ = Exposure(method=method).measure(bank)
        assert said(finding).body[0].startswith(opening)
        head = finding.quantities["exposure_mean_bits"]
        assert said(finding).notes["exposure_mean_bits"].startswith(f"{method} exposure")
        means[method] = head.value
        assert {pole.name: pole.value for pole in finding.poles}["Rote"] == pytest.approx(head.value)
    assert means["enumerated"] == pytest.approx(np.log2(SPACE))
    assert means["sampled"] == pytest.approx(8.0)
    assert means["extrapolated"] > 14.1  # nine deviations below the references
    finding, _ = Exposure(method="extrapolated").measure(bank)
    assert finding.quantities["exposure_mean_bits"].null == pytest.approx(NULL_BITS)
    found, _ = Exposure(method="enumerated").measure(made(bits))
    assert isinstance(found, NotApplicable)
    assert found.reason == reason("too many secrets", possible=17576)


def test_the_bits_of_a_secret_are_those_of_its_letters():
    bank = trained()
    run, planted = bank[models(bank.subject)], bank.data.truth.repeats > 0
    secrets = continuations(bank, run, "canaries", planted, temperature=1.0, top_k=None)
    np.testing.assert_allclose(bits_by_letter(bank, run).sum(1), secrets.nats.mean(0) / np.log(2), rtol=1e-4)
    table = said(values(bank)[0]).tables["by letter"]
    assert table.columns == ("bits of letter", "1", "2", "3")
    assert [row[0] for row in table.rows] == ["held out", "one copy", "16 copies"]
    assert sum(map(float, table.rows[2][1:])) < sum(map(float, table.rows[0][1:]))


def test_ranks_off_their_null_withhold_the_card():
    ranks = np.minimum(uniform_ranks(), 2000)
    finding, _ = values(made(unseen(), ranks=ranks))
    assert finding.status == "withheld"


@pytest.mark.parametrize("temperature, top_k", [(1.0, None), (0.5, None), (1.0, 2), (2.0, 3)])
def test_the_sampler_by_hand(temperature, top_k):
    """From logits of our own: what one sample says, and how many it takes."""
    rng, y = np.random.default_rng(3), drawn().views["canaries"].y
    tokens = y[:, (y >= 0).any(0)]
    logits = rng.normal(size=(MODELS, *tokens.shape, drawn().output.k)).astype(np.float32)
    planted = drawn().truth.repeats > 0
    top = np.arange(len(tokens))[:, None], np.arange(3), tokens
    for j in range(MODELS):
        logits[j][top] += np.where(planted, 6.0 + j, 0.0)[:, None]
    nats = np.stack([continuation_nats(z, tokens) for z in logits])
    bank = made(nats / np.log(2), logits=logits)
    finding, _ = Exposure(method="sampled", temperature=temperature, top_k=top_k, samples=3).measure(bank)
    own = np.stack([continuation_nats(z, tokens, temperature, top_k) for z in logits])
    expected = {
        "secret_sampled_share": np.exp(-own).mean(0),
        "secret_discoverable_share": np.stack([discoverable(one) <= 3 for one in own]).mean(0),
    }
    for name, each in expected.items():
        quantity = finding.quantities[name]
        assert quantity.value == pytest.approx(each[planted].mean(), rel=1e-4)
        assert quantity.null == pytest.approx(each[~planted].mean(), rel=1e-4)
        assert quantity.n == planted.sum()
    if (temperature, top_k) == (1.0, None):
        # -log(1 - q) n >= log 2, by brute force over n
        q = np.exp(-own)
        slow = np.array([[any(1 - (1 - one) ** n >= 0.5 for n in (1, 2, 3)) for one in row] for row in q])
        np.testing.assert_array_equal(slow.mean(0), expected["secret_discoverable_share"])


def test_a_colder_sampler_says_more_of_what_is_known_and_needs_logits():
    shares = []
    for temperature in (0.5, 1.0, 2.0):
        finding, _ = Exposure(temperature=temperature).measure(trained())
        shares.append(finding.quantities["secret_sampled_share"].value)
        assert f"temperature {temperature:g}" in said(finding).notes["secret_sampled_share"]
    assert shares[0] > shares[1] > shares[2]
    found, _ = Exposure(top_k=4).measure(made(unseen()))
    assert isinstance(found, NotApplicable)
    assert found.reason.code == "no logits"


def test_passages_that_are_remembered_are_told_from_new_ones():
    view = drawn().views["continued"]
    seen = np.isin(view.ids, drawn().train.ids)
    assert 0 < seen.sum() == (~seen).sum()
    bits = np.where(seen, 0.0, 60.0)
    bits[np.flatnonzero(seen)[0]] = 3.0  # one sample in eight: within 100 samples, but not by greedy decoding
    finding, _ = values(made(unseen(), continued=np.tile(bits, (MODELS, 1))))
    n = int(seen.sum())
    for name, value in (("sampled", (n - 7 / 8) / n), ("discoverable", 1.0), ("extractable", (n - 1) / n)):
        quantity = finding.quantities[f"passage_{name}_share"]
        assert quantity.value == pytest.approx(value, rel=1e-5)
        assert quantity.null == pytest.approx(0.0, abs=1e-15)
        assert quantity.n == n
        assert quantity.interval[0] <= quantity.value <= quantity.interval[1] <= 1
    assert any(f"Given the first 32 tokens of {n} training passages" in line for line in said(finding).body)


def test_at_the_ceiling_the_card_says_at_least_and_a_claim_is_not_certain():
    finding, found = values(lookup())
    quantity = finding.quantities["exposure_16_bits"]
    assert found["exposure_16_bits"] == quantity.interval[1] == pytest.approx(8.0)
    assert quantity.interval[0] < 6.0
    assert "at the ceiling of 8.0 bits: at least" in said(finding).notes["exposure_16_bits"]
    assert any("12 of 12 planted secrets are at the ceiling of 8.0 bits: at least." in line for line in said(finding).body)
    assert finding.quantities["secret_sampled_share"].interval[0] < 0.9
    assert not any("at least." in line for line in said(values(made(unseen()))[0]).body)


def test_one_secret_a_group_has_no_interval_and_says_why():
    bank = lookup()
    repeats = np.zeros_like(bank.data.truth.repeats)
    repeats[np.flatnonzero(bank.data.truth.repeats)[:3]] = (1, 4, 16)
    view = bank.data.views["canaries"]
    kept = np.r_[np.flatnonzero(repeats), np.flatnonzero(bank.data.truth.repeats == 0)]
    data = replace(
        bank.data, truth=replace(bank.data.truth, repeats=repeats[kept]),
        views={**bank.data.views, "canaries": view.take(kept)},
    )  # fmt: skip
    need = models(bank.subject)
    run = bank.runs[need.key()]
    own = run.views["canaries"]
    own = replace(own, loss_nats=own.loss_nats[:, :, kept], correct=own.correct[:, :, kept])
    run = replace(run, views={**run.views, "canaries": own})
    finding, _ = values(Bank(bank.subject, data, {need.key(): run}))
    names = ("exposure_mean_bits", "exposure_1_bits", "memorised_bits_a_secret", "dose_spearman_ranked")
    for quantity in (finding.quantities[name] for name in names if name in finding.quantities):
        assert quantity.interval is None
        assert quantity.why_no_interval == "too few"
    held_out = finding.quantities["exposure_held_out_bits"]
    assert held_out.interval[0] < held_out.value < held_out.interval[1]  # many secrets: no rule of one empties it
    assert said(finding).charts[0].lines[-1].low == ()


def test_one_number_of_copies_is_shown_once():
    repeats = np.where(drawn().truth.repeats > 0, 4, 0)
    bank = lookup()
    finding, _ = values(Bank(bank.subject, replace(bank.data, truth=replace(bank.data.truth, repeats=repeats)), bank.runs))
    (row,) = said(finding).exhibits
    assert [(group.label, group.ring, len(group.shown)) for group in row.groups] == [
        ("4 copies", True, 2), ("held out", False, 2),
    ]  # fmt: skip


def test_what_no_sample_says_is_never_had():
    """The likeliest token alone, and it is another one."""
    y = drawn().views["canaries"].y
    tokens = y[:, (y >= 0).any(0)]
    logits = np.zeros((MODELS, *tokens.shape, drawn().output.k), np.float32)
    np.put_along_axis(logits, tokens[None, ..., None] + np.zeros((MODELS, 1, 1, 1), int), -1.0, -1)
    finding, _ = Exposure(method="sampled", top_k=1).measure(made(unseen(), logits=logits))
    assert set(finding.tables["by_copies"].values["samples_at_even_odds"]) == {None}
    assert {row[-1] for row in said(finding).charts[0].table.rows} == {"never"}
    assert any(line.startswith("One sample (temperature 1, the 1 likeliest tokens)") for line in said(finding).body)


def test_the_curve_holds_what_the_quantities_say_and_a_ledger_keeps_it():
    finding, _ = values(trained())
    curve = finding.curves[finding.details["form"]]
    own = [finding.quantities[f"exposure_{int(copies)}_bits"] for copies in curve.x]
    assert curve.x == (1, 4, 16)
    assert list(zip(curve.y, curve.low, curve.high)) == [(one.value, *one.interval) for one in own]
    assert said(Finding.model_validate_json(finding.model_dump_json())) == said(finding)
