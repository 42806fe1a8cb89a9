"""`byheart list`: every kind, by its name in the singular or the plural."""

import json

import pytest

from byheart.auditing.claims import listed
from byheart.registry import BUILT_IN


def test_every_kind_is_listed_with_all_its_names(byheart):
    said = byheart("list")
    heads = [line for line in said.out.splitlines() if not line.startswith(" ")]
    assert heads == [f"{kind}s" for kind in (*BUILT_IN, "claim")]
    for named in (*BUILT_IN.values(), listed()):
        for name in named:
            assert f"\n  {name} " in said.out


@pytest.mark.parametrize("word, kind", [
    ("engine", "engine"), ("ledgers", "ledger"), ("keeps", "keep"), ("claims", "claim"), ("study", "claim"), ("studies", "claim"),
])  # fmt: skip
def test_a_kind_has_its_singular_and_plural(word, kind, byheart):
    found = json.loads(byheart("list", word, "--json").out)
    assert list(found) == [kind]
    assert list(found[kind]) == list(listed() if kind == "claim" else BUILT_IN[kind])


@pytest.mark.parametrize(
    "word, near", [("enigne", "engine"), ("claimz", "claim"), ("rnu", "run"), ("lerner", "learner")]
)
def test_a_wrong_kind_names_the_nearest(word, near, byheart, short):
    short(byheart("list", word), 2, f"'{word}'", f"Nearest: {near}")


def test_runs_are_listed_when_they_are_asked_for(byheart):
    assert byheart("list", "runs", "--out", "none").out == "no runs in none\n"
