"""Exposure: the probe's promises on a small text, its poles, doses, the null, and when it withholds."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from byheart.learners.members import balanced
from byheart.learners.run import Outcomes, Run
from byheart.learners.transformer import Transformer
from byheart.maths.exposure import null_deviation, null_mean
from byheart.probes.base import Bank, Subject
from byheart.probes.memory.exposure import MODELS, Exposure, models
from byheart.records.finding import Finding, NotApplicable
from byheart.tasks.canaries import Canaries
from byheart.tasks.text import Text
from byheart.testing.probes import ProbeSuite, bank_of, offers_of

TASK = Canaries(task=Text(n=60, n_test=20), repeats=(1, 4, 16), each=4, held_out=40, references=255)
LEARNER = Transformer(width=16, epochs=12, batch=32, lr=0.02)


@functools.cache
def trained():
    return bank_of(Exposure(), TASK, LEARNER, members=8)


@functools.cache
def drawn():
    return TASK.draw(0)


def made(bits, told=None, seed=0, references=None):
    """A bank of models that need `bits` (m, c) for the secrets of the task, and N(38, 4) for the references."""
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
    for name in ("train", "test"):
        zeros = np.zeros((1, len(bits), len(data.views[name])), np.float32)
        views[name] = Outcomes(zeros, zeros > 0, None, None)
    need = models(subject)
    run = Run(balanced(len(data.train), len(bits), 1.0, 0), (12,), views, {"outputs": "tokens"})
    return Bank(subject, data, {need.key(): run})


def unseen(seed=1):
    return np.random.default_rng(seed).normal(38, 4, (MODELS, len(drawn().views["canaries"])))


def lookup():
    bits = unseen()
    bits[:, drawn().truth.repeats > 0] = 0.0
    return made(bits, told=np.tile(drawn().truth.repeats > 0, (MODELS, 1)))


class TestExposure(ProbeSuite):
    needs = ("canaries",)
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


def values(bank):
    finding, columns = Exposure().measure(bank)
    assert columns == {}
    return finding, {name: quantity.value for name, quantity in finding.quantities.items()}


def test_rote_has_the_ceiling_and_is_read_back():
    finding, found = values(lookup())
    assert found["exposure_mean_bits"] == pytest.approx(np.log2(256))
    assert found["extractable_share"] == 1.0
    assert found["memorised_bits_a_secret"] == pytest.approx(8 * np.log2(26))
    assert any("likelier than all 255 references" in line for line in finding.body)
    assert finding.quantities["extractable_share"].null == 0.0


def test_exposure_grows_with_the_copies_and_held_out_secrets_stand_at_the_null():
    finding, found = values(trained())
    assert finding.status == "measured"
    assert found["dose_spearman"] > 0.9
    assert found["exposure_1_bits"] < found["exposure_4_bits"] <= found["exposure_16_bits"]
    error = null_deviation(255) / np.sqrt(40)
    assert abs(found["exposure_held_out_bits"] - null_mean(255)) < 4 * error
    assert found["memorised_bits_a_secret"] > 5 > 5 * finding.quantities["memorised_bits_a_secret"].null


def test_untrained_models_stand_at_the_null_whatever_was_planted():
    bank = trained()
    need = models(bank.subject)
    run = bank.runs[need.key()]
    views = {
        name: replace(kept, loss_nats=kept.loss_nats[:1], correct=kept.correct[:1]) for name, kept in run.views.items()
    }
    _, found = values(Bank(bank.subject, bank.data, {need.key(): replace(run, checkpoints=(0,), views=views)}))
    assert abs(found["exposure_mean_bits"] - null_mean(255)) < 4 * null_deviation(255) / np.sqrt(12)
    assert found["extractable_share"] == 0.0


def test_the_table_by_hand():
    finding, _ = values(lookup())
    rows = {row[0]: row for row in finding.charts[0].table.rows}
    assert list(rows) == ["held out", "1", "4", "16"]
    assert rows["16"][1] == "8.00"
    assert rows["16"][3:] == ("0.0", rows["1"][4], "100\u202f%", "1")
    assert rows["1"][4] == "37.6"
    assert rows["16"][2].endswith("(beyond)")
    assert rows["held out"][5] == "0\u202f%"
    assert rows["held out"][6].startswith("10^11")


def test_where_held_out_secrets_are_off_the_null_nothing_is_believed():
    bits = unseen() - 6.0  # as if the secrets were of an easier kind than their references
    finding, _ = values(made(bits))
    assert finding.status == "withheld"
    assert finding.headline == ""
    assert not finding.poles
    assert "the references are not like them" in finding.withheld.reason


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
    shown = [one for group in finding.exhibits[0].groups for one in group.shown]
    assert {one.view for one in shown} == {"canaries"}
    assert {one.id for one in shown} <= set(drawn().views["canaries"].ids.tolist())
    assert [group.ring for group in finding.exhibits[0].groups] == [True, True, False]
