"""A target whose few largest values carry its variance: withheld with the advice, and audited once it is taken."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

import byheart as bh
from byheart.auditing.cli_request import request_from_words
from byheart.errors import ByheartError, InputRefused
from byheart.records.options import Options
from byheart.report.cards import About
from byheart.report.cards.reasons import advice

RNG = np.random.default_rng(0)
X = RNG.normal(size=(150, 3))
Y = np.exp(1.5 * X[:, 0] + RNG.normal(size=150))


def audited(**options):
    return bh.audit((X, Y), model=Ridge(), members=8, say=lambda line: None, **options)


def test_the_advice_is_given_and_works():
    plain = audited()
    for name in ("complexity/description-length", "generalization/gap", "complexity/value-bits"):
        assert plain.findings[name].status == "withheld", name
        assert "--transform log" in advice(plain.findings[name].withheld, About())
    assert not any("r2" in name for name in plain.findings["generalization/gap"].quantities)
    assert plain.to_dict()["balance"] is None
    with pytest.raises(ByheartError, match="withheld: the largest of the 120 values"):
        _ = plain.bits
    found = audited(transform="log")
    q = found.findings["complexity/description-length"].quantities
    assert q["understood_share"].interval[0] < 1 - 1 / (1 + 1.5**2) < q["understood_share"].interval[1]
    with pytest.raises(ByheartError, match="shares of their variance"):
        _ = found.bits
    document = found.to_dict()
    assert document["subject"]["title"].startswith("your arrays, log of target")
    assert "all numbers speak of it" in document["provenance"]["data"]["transform"]


@pytest.mark.parametrize("how", ["log", "rank"])
def test_the_command_line_takes_it_and_prints_it_again(tmp_path, how):
    rows = "\n".join(f"{a:.4f},{y:.4f}" for a, y in zip(X[:, 0], Y))
    path = tmp_path / "prices.csv"
    path.write_text(f"area,price\n{rows}\n")
    options = Options(target="price", transform=how, device="cpu", learner="Ridge", jobs=1)
    request, _ = request_from_words(str(path), options)
    data = request.subject.task.draw(0)
    assert data.output.target == f"{how} of price"
    assert f"--transform {how}" in request.command
    path.write_text("area,price\n" + "\n".join(f"{a:.4f},{a:.4f}" for a in X[:, 0]) + "\n")
    request, _ = request_from_words(str(path), options)
    if how == "log":
        with pytest.raises(InputRefused, match="values of price above 0"):
            request.subject.task.draw(0)
