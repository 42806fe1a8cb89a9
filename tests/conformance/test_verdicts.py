"""Every verdict of ours keeps the promises of `byheart.verdicts.base`.

Recipe for a new one: a subclass of `VerdictSuite` with the fixture `verdict` and what it judges; override `findings`
where it reads more than one quantity.
"""

import pytest

from byheart.registry import find, names
from byheart.testing.verdicts import VerdictSuite
from byheart.testing.worlds import WORLDS, always_wrong
from byheart.verdicts.rules import MEMORISED, MuchMemorised


@pytest.mark.parametrize("name", sorted(names("verdict")))
def test_every_known_verdict_says_only_what_is_true_in_every_world(name):
    """Ours and plug-ins, by what the worlds know of labels and time courses."""
    verdict = find("verdict", name)()

    def untrue(draw):
        judgement = verdict.judge(draw.findings)
        may = draw.may_say(verdict)
        return {} if judgement.outcome in may else {judgement.outcome: f"({judgement.title}), not {sorted(may)}"}

    assert not always_wrong(WORLDS, untrue, 3)


class TestMuchMemorised(VerdictSuite):
    probe, quantity, threshold = "complexity/bits", "memorised_bits_share", MEMORISED

    @pytest.fixture
    def verdict(self):
        return MuchMemorised()
