"""Quantities of probes: a method where there is an interval, a reason where there is none, and a note of either."""

import numpy as np
import pytest

from byheart.maths.statistics.effective_sample_size import Estimate, Sources
from byheart.maths.statistics.ranks import wilson
from byheart.probes.complexity.description_length import Bits
from byheart.probes.generalization.gap import Gap
from byheart.probes.intervals import FRESH_DRAWS, WILSON, area, estimate, line, share
from byheart.probes.memory.counterfactual import Counterfactual
from byheart.probes.memory.duplicates import Duplicates
from byheart.probes.memory.influence import Pairs
from byheart.probes.memory.label_noise import Quadrant
from byheart.probes.memory.membership import Membership
from byheart.report.cards.default import note_of

PROBES = [Bits(), Counterfactual(), Duplicates(), Gap(), Membership(), Pairs(), Quadrant()]


def test_a_share_counts_copies_as_one():
    chosen, groups = np.repeat([True, False, False, False], 3), np.repeat(np.arange(4), 3)
    alone, copied = share(chosen, np.arange(12), null=0.0), share(chosen, groups, null=0.0)
    assert (alone.value, alone.n, copied.n) == (0.25, 12, 12)
    assert copied.interval == tuple(wilson(1.0, 4.0))
    assert alone.interval == tuple(wilson(3.0, 12.0)) == share(chosen, groups, null=0.0, draws=12).interval
    assert note_of(copied) == f"interval: {WILSON}; null: 0\u202f%"


def test_an_estimate_of_too_few_draws_says_so():
    sources = Sources(examples=1.0, training_set=0.0, members=0.0)
    known = estimate(Estimate(0.5, 0.25, 0.75, 1.0, sources), unit="accuracy", null=0.1, n=9)
    lost = estimate(Estimate(0.5, np.nan, np.nan, 1.0, sources), unit="accuracy", null=0.1, n=9)
    assert (known.interval, known.method, known.why_no_interval) == ((0.25, 0.75), FRESH_DRAWS, None)
    assert (lost.interval, lost.method, lost.why_no_interval) == (None, "", "too few")
    assert "no interval: too few independent draws" in note_of(lost)


def test_a_line_has_a_band_only_where_every_estimate_has_an_interval():
    sources = Sources(examples=1.0, training_set=0.0, members=0.0)
    known, lost = Estimate(0.5, 0.25, 0.75, 1.0, sources), Estimate(0.6, np.nan, np.nan, 1.0, sources)
    assert line([known, known]) == {"y": (0.5, 0.5), "low": (0.25, 0.25), "high": (0.75, 0.75)}
    assert line([known, lost]) == {"y": (0.5, 0.6), "low": (), "high": ()}


def test_the_area_of_a_perfect_ranking_is_one():
    found = area(np.arange(20.0), np.arange(20) >= 10, np.random.default_rng(0))
    assert (found.value, found.null, found.interval[1]) == (1.0, 0.5, 1.0)


@pytest.mark.parametrize("probe", PROBES, ids=lambda one: one.name)
@pytest.mark.parametrize("kind", ["noisy", "values"])
def test_the_card_says_of_every_number_what_it_is_and_how_it_was_made(probe, kind, card, request):
    bank = request.getfixturevalue(kind)
    finding = probe.measure(bank)[0]
    notes = card(bank, finding).notes
    assert notes.keys() == finding.quantities.keys()
    for name, one in finding.quantities.items():
        how = f"; interval: {one.method}" if one.interval else "; no interval: "
        assert how in notes[name]
        assert not notes[name].startswith(";")
