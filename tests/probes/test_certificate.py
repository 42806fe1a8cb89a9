"""Certificate: non-vacuous where it can be, never below the truth, and what it pays for."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from byheart.learners.conv import Conv
from byheart.learners.mlp import Mlp
from byheart.learners.neighbours import Neighbours
from byheart.learners.ngram import Ngram
from byheart.learners.torch_module import FromFactory
from byheart.maths.bounds import (
    all_evaluated,
    catoni,
    compressed,
    description_nats,
    hold_out,
    mcallester,
    sampled_risk,
    seeger,
    united,
)
from byheart.maths.bounds.stochastic_network import StochasticNetwork
from byheart.maths.codes.weight_code import encoded, quantised
from byheart.probes.generalization.certificate import Certificate
from byheart.probes.generalization.certificate.compressed import STEPS, coded
from byheart.probes.generalization.certificate.split import rows_of, split, trained
from byheart.records.finding import Finding, NotApplicable
from byheart.report.cards import About, card_of
from byheart.seeds import stream
from byheart.tasks.arrays import Arrays
from byheart.tasks.digits import Digits
from byheart.tasks.fashion import Fashion
from byheart.tasks.label_noise import Flipped
from byheart.tasks.randomness import Randomness
from byheart.tasks.text import Text
from byheart.testing.banks import bank_of

NET = Mlp(hidden=(8,), epochs=15, lr=0.03)
QUICK = Certificate(steps=60, draws=400)


def points(seed, n, noise, new=1500):
    """Two classes on either side of a line, the share `noise` of the labels wrong; n examples and many new ones."""
    rng = stream(seed, "points", noise)
    x = rng.normal(size=(n + new, 3)).astype(np.float32)
    y = (x[:, 0] > 0) ^ (rng.random(n + new) < noise)
    return Arrays.of(x[:n], y[:n].astype(int), x[n:], y[n:].astype(int), task="classes")


def measured(task, probe=QUICK, learner=NET, members=1):
    return probe.measure(bank_of(probe, task, learner, members=members))[0]


@pytest.fixture(scope="module")
def digits():
    """Digits with the audit's control."""
    probe = Certificate(steps=80, draws=500)
    return bank_of(probe, Flipped(task=Digits(), share=0.05, control=True), Mlp(hidden=(32,)), members=1), probe


@pytest.fixture(scope="module")
def found(digits):
    bank, probe = digits
    return probe.measure(bank)[0]


def test_digits_have_a_certificate_far_below_chance(found):
    certificate, test = found.quantities["certificate"], found.quantities["stochastic_test_error"]
    assert test.value < certificate.value < 0.15 < certificate.null
    assert found.quantities["certificate_gap"].value == pytest.approx(certificate.value - test.value)
    assert certificate.interval[0] < test.value
    assert not found.details["says_nothing"]


def test_the_fashion_subset_has_a_certificate_far_below_chance():
    found = measured(Fashion(n=1500, n_test=300), Certificate(steps=24, draws=300), Mlp(hidden=(32,), epochs=8))
    test = found.quantities["stochastic_test_error"].value
    assert test < found.quantities["certificate"].value < 0.45


def test_the_certificate_is_made_of_its_parts(found):
    risk, kl, details = found.quantities["stochastic_error"], found.quantities["posterior_kl"].value, found.details
    price = risk.interval[1], kl, risk.n, united(0.04, 8)
    rows = {row["bound"]: row for row in found.tables["bounds"].rows()}
    assert found.quantities["certificate"].value == rows["seeger"]["at_most"] == seeger(*price)
    assert rows["mcallester"]["at_most"] == mcallester(*price) >= seeger(*price)
    assert rows["catoni"]["at_most"] == catoni(*price)
    code = rows["compressed"]
    assert code["at_most"] == compressed(code["error"], details["code_bits"], risk.n)
    plain = rows["hold_out"]
    assert plain["at_most"] == hold_out(round(plain["error"] * risk.n), risk.n)
    assert [row["count"] for row in found.tables["tried"].rows()] == [8, 9, 12]
    assert risk.n + details["prior_examples"] + details["control"] == 1437


@pytest.mark.parametrize("noise", [0.5, 0.15])
def test_it_is_never_below_the_truth(noise):
    """Six data sets; the truth is the error on 1,500 new examples, within 4 standard errors of it."""
    for seed in range(6):
        task = points(seed, 120, noise)
        found = measured(task, Certificate(steps=30, draws=200)).quantities
        within = 4 * np.sqrt(0.25 / 1500)
        true = found["stochastic_test_error"].value
        low, high = found["certificate"].interval
        assert low - within <= true <= high + within
        if noise == 0.5:
            assert high >= 0.5 - within


def test_labels_at_random_certify_nothing():
    found = measured(Flipped(task=Digits(n=600), share=1.0), learner=Mlp(hidden=(16,), epochs=30, lr=0.02))
    assert found.quantities["certificate"].value >= found.quantities["certificate"].null - 0.02
    assert found.details["says_nothing"]
    assert "certifies nothing" in card_of(found, About()).says


def test_a_prior_at_the_random_start_certifies_too():
    found = measured(points(0, 600, 0.0), Certificate(prior="initial", steps=300, draws=400))
    assert found.quantities["certificate"].value < 0.45
    assert found.quantities["posterior_kl"].value > 5  # it had to move
    assert found.details["prior_examples"] == 0
    images = measured(Digits(n=200), Certificate(prior="initial", steps=5, draws=50), Mlp(hidden=(4,), epochs=1))
    assert images.quantities["certificate"].n == 200  # nothing is scaled: all of them certify


def test_redrawn_labels_of_the_control_play_no_part(digits, found):
    bank, probe = digits
    y = bank.data.train.y.copy()
    y[~bank.counted] = 9 - y[~bank.counted]
    train = replace(bank.data.train, y=y)
    other = replace(bank, data=replace(bank.data, views={**bank.data.views, "train": train}))
    assert probe.measure(other)[0].quantities == found.quantities


def test_the_prior_has_seen_nothing_of_what_certifies():
    bank = bank_of(QUICK, points(1, 300, 0.1), NET, members=1)
    rows = rows_of(bank, 0.5, np.random.default_rng(0))
    assert not set(rows.prior) & set(rows.certify)
    assert len(rows.prior) == 150 == len(rows.certify) + rows.copies
    x, y = bank.data.train.x.copy(), bank.data.train.y.copy()
    y[rows.certify], x[rows.certify] = 1 - y[rows.certify], 5 * x[rows.certify]
    train = replace(bank.data.train, x=x, y=y)
    other = replace(bank, data=replace(bank.data, views={**bank.data.views, "train": train}))

    def prior(bank):
        parts = split(bank, NET, rows, True, np.random.default_rng(1))
        return parts.start, trained(parts, NET, torch.Generator().manual_seed(0))

    assert all(torch.equal(one, same) for one, same in zip(prior(bank), prior(other)))
    assert not torch.equal(*prior(bank))


def test_of_copies_one_certifies():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(100, 3)), np.arange(100) % 2
    bank = bank_of(
        QUICK, Arrays.of(np.repeat(x, 3, 0), np.repeat(y, 3), x[:20], y[:20], task="classes"), NET, members=1
    )
    rows = rows_of(bank, 0.5, np.random.default_rng(0))
    assert (len(rows.prior), len(rows.certify), rows.copies) == (150, 50, 100)
    assert not set(bank.groups[rows.prior]) & set(bank.groups[rows.certify])
    assert len(set(bank.groups[rows.certify])) == 50


def test_any_network_that_byheart_builds_has_one():
    def made():
        return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))

    found = measured(points(2, 300, 0.0, 100), learner=FromFactory.of(made, epochs=10, lr=0.03))
    assert found.quantities["certificate"].value < 0.4
    images = measured(Digits(n=100), Certificate(steps=3, draws=20), Conv(channels=(4,), epochs=1))
    assert isinstance(images, Finding)


def test_without_a_test_there_is_no_gap():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    bank = bank_of(QUICK, Arrays.of(x, (x[:, 0] > 0).astype(int), task="classes"), NET, members=1)
    data = replace(bank.data, views={"train": bank.data.train})
    found = QUICK.measure(replace(bank, data=data))[0]
    assert "certificate" in found.quantities
    assert "certificate_gap" not in found.quantities


def test_where_it_does_not_apply_it_says_why():
    bank = bank_of(QUICK, points(3, 200, 0.0, 50), NET, members=1)
    other = QUICK.requires(replace(bank.subject, learner=Neighbours()))
    assert (other.reason.code, other.reason.figures) == ("no network", {"learner": "neighbours"})
    grouped = replace(bank.data.grouping, blocks=10)
    in_time = QUICK.measure(replace(bank, data=replace(bank.data, grouped=grouped)))[0]
    few = QUICK.measure(bank.of_rows(np.arange(200) < 30))[0]
    assert (in_time.reason.code, few.reason.code) == ("rows in time", "few examples")
    assert {type(one) for one in (other, in_time, few)} == {NotApplicable}


def test_a_network_that_moved_is_written_down_and_read_back():
    """Centre 0 knows nothing; weights (1, 0.3, 0) are right about all: what pays is a code of about ten bits."""

    def call(weights, x):
        score = x @ weights
        return torch.stack([-score, score], 1)

    x = torch.randn(800, 3, generator=torch.Generator().manual_seed(0))
    mean = torch.tensor([1.0, 0.3, 0.0])
    examples = x, (x @ mean > 0).long()
    found = coded(StochasticNetwork(call, mean, mean, torch.zeros(3), 1.0, 1), examples, 0.05)
    steps, weights = quantised(mean, np.zeros(3), found.step)
    assert steps.any()
    assert found.bits == 4 + encoded(steps).bits  # twelve steps take four bits
    wrong = (x.numpy() @ weights > 0) != examples[1].numpy().astype(bool)
    assert found.risk == wrong.mean() < 0.05
    assert found.bound == compressed(found.risk, found.bits, 800) < 0.15
    assert found.nats == description_nats(found.bits)
    others = [quantised(mean, np.zeros(3), step)[0] for step in STEPS]
    assert found.bits <= 4 + max(encoded(one).bits for one in others)


def test_passages_have_one_in_bits_per_token():
    """Of text below a blind guess, and above what new passages take; of random sequences nothing is certified."""
    text, noise = (measured(task, learner=Ngram(), members=2) for task in (Text(), Randomness()))
    bound, test = (text.quantities[name].value for name in ("certificate_bits_a_token", "smoothed_test_bits_a_token"))
    assert test < bound < text.quantities["certificate_bits_a_token"].null
    rows = {row["bound"]: row for row in text.tables["bounds"].rows()}
    n, a = text.quantities["certificate_bits_a_token"].n, text.details["smoothing"]
    assert bound == all_evaluated(rows["all"]["bits"], math.log(6), n, text.details["tokens"], a)
    assert rows["subsampled"]["at_most"] > bound
    assert noise.details["says_nothing"]
    assert noise.quantities["certificate_bits_a_token"].value > noise.quantities["smoothed_test_bits_a_token"].value
    about = About(kind="tokens", noun="passage", nouns="passages")
    assert "certifies nothing" in card_of(noise, about).says
    assert "certifies nothing" not in card_of(text, about).says
    assert "(subsampled)" in " ".join(card_of(text, about).body)


def test_passages_that_the_model_saw_play_no_part():
    bank = bank_of(QUICK, Text(), Ngram(), members=2)
    need = bank.subject.bank()
    run, train = bank[need], bank[need].views["train"]
    nats = train.loss_nats.copy()
    nats[:, 0, run.members.seen[0]] = 0
    nats[:, 1] = 0
    other = replace(run, views={**run.views, "train": replace(train, loss_nats=nats)})
    assert QUICK.measure(replace(bank, runs={need.key(): other}))[0] == QUICK.measure(bank)[0]


def test_the_card_says_what_it_speaks_of(found):
    card = card_of(found, About(nouns="digits", noun="digit", n_test=360))
    assert card.says == "of new digits wrong at most, with 95\u202f% confidence"
    text = " ".join(card.body)
    assert "not of the audited one" in text
    assert "A plain hold-out bound" in text
    assert "72" in text  # redrawn labels are left out
    assert card.charts[0].bars[0].label.partition(":")[0] == "inverted kl (Seeger, Maurer)"
    assert card.tables["What was tried, and what pays for it"].rows[1][:2] == ("posteriors fitted", "9")
    assert sampled_risk(np.zeros(9)).value == 0


def of_a_heavy_point(seed, n=600, new=2000):
    """Half of all examples lie on one point, where labels are a coin's; the rest on either side of a line."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n + new, 3)).astype(np.float32)
    heavy = rng.random(n + new) < 0.5
    x[heavy] = 0
    y = np.where(heavy, rng.random(n + new) < 0.5, x[:, 0] > 0).astype(int)
    return Arrays.of(x[:n], y[:n], x[n:], y[n:], task="classes")


def test_where_copies_certify_once_new_ones_count_once_and_the_card_says_so():
    found = measured(of_a_heavy_point(0))
    test, certificate = found.quantities["stochastic_test_error"], found.quantities["certificate"]
    assert 900 < test.n < 1100  # of 2,000
    assert test.value < certificate.value < 0.25  # of all, a quarter is wrong
    assert found.details["alike"] > 250
    card = card_of(found, About())
    assert card.says.startswith("of new examples that are no copies wrong at most")
    assert "where new ones repeat as often the share of errors may be larger" in " ".join(card.body)


def test_a_certificate_that_new_examples_break_is_not_said_to_hold():
    task = points(5, 400, 0.0, 300)
    bank = bank_of(QUICK, task, NET, members=1)
    views = dict(bank.data.views)
    views["test"] = replace(views["test"], y=1 - views["test"].y)  # new ones come from elsewhere
    finding = QUICK.measure(replace(bank, data=replace(bank.data, views=views)))[0]
    card = card_of(finding, About())
    assert finding.quantities["certificate_gap"].interval[1] < 0
    assert "if they are drawn as these: those measured are not" in card.says
    assert "above the certificate" in " ".join(card.body)
    assert "below the certificate" not in " ".join(card.body)
    assert "It does not hold of them" in " ".join(card.body)
    fine = card_of(QUICK.measure(bank)[0], About())
    assert "those measured are not" not in fine.says
    assert "no copies" not in fine.says
