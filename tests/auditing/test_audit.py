"""`byheart.audit`: what it gives for arrays, estimators and training of the user's."""

import json
import random
import re

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import byheart as bh
from byheart.errors import ByheartError, InputRefused, StepFailed
from byheart.records.finding import Finding
from byheart.report.cards import About
from byheart.report.cards.reasons import advice
from byheart.study import budget
from byheart.study.costs import START
from byheart.study.parse import every_probe
from byheart.study.timing import TIMED

# nothing planted in a text; no sequences at random; no learning in epochs; two on request; one phase; one of values;
# what reads weights, or trains more or again; five of series in time
ELSEWHERE = {f"memory/{name}" for name in ("exposure", "capacity", "learning-order", "credit", "effect", "forgetting", "levers")} | {
    "complexity/value-bits",
    *(f"generalization/{name}" for name in ("certificate", "curvature", "delay", "descent", "laziness", "measures")),
    *(f"dynamics/{name}" for name in ("need", "use", "window", "orbit", "exponents")),
}


def test_the_bits_add_up(audit):
    bits = audit.bits
    assert bits.reference.unit == "bits"
    assert bits.understood.value + bits.memorised.value + bits.left.value == pytest.approx(bits.reference.value, abs=1e-6)
    for quantity in bits[1:]:
        assert quantity.interval[0] <= quantity.value <= quantity.interval[1]


def test_the_most_memorised_come_first_and_are_the_wrong_labels(quick, xy):
    audit = quick(members=16)
    ranked = audit.memorised(100)
    assert len(ranked) == audit.to_dict()["subject"]["n"]
    assert [one.score for one in ranked] == sorted((one.score for one in ranked), reverse=True)
    assert audit.memorised(3) == ranked[:3]
    assert audit.memorised(0) == []
    assert len({one.id for one in ranked}) == len(ranked)
    assert all(one.standard_error >= 0 for one in ranked)
    assert all(one.label == str(xy[1][one.id]) for one in ranked)
    wrong = {one.id for one in ranked} & set(range(6))
    assert sum(one.id in wrong for one in ranked[: 2 * len(wrong)]) >= len(wrong) - 1


def test_findings_are_one_a_probe(audit):
    assert list(audit.findings) == [probe.name for probe in every_probe()]
    for name, answer in audit.findings.items():
        assert answer.probe == name
        assert isinstance(answer, bh.Finding) or name in ELSEWHERE


def test_the_document_is_json_and_no_view(audit):
    document = audit.to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    document["subject"]["title"] = "changed"
    assert audit.to_dict()["subject"]["title"] != "changed"
    assert document["provenance"]["seed"] == 0
    assert document["provenance"]["members"]["members"] == 8


def test_saving_writes_the_document_and_the_page(audit, tmp_path):
    data, page = audit.save(tmp_path / "deep" / "a.json"), audit.save(tmp_path / "a.html")
    assert json.loads(data.read_text(encoding="utf-8")) == audit.to_dict()
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "deep"]


def test_saving_into_a_file_is_refused_and_leaves_nothing(audit, tmp_path, refused):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(bh.ByheartError) as caught:
        audit.save(tmp_path / "file" / "a.json")
    refused(caught.value, "file/a.json")
    assert (tmp_path / "file").read_text() == "mine"


def test_it_shows_itself_in_short(audit):
    assert repr(audit).startswith("Audit of your arrays, DecisionTreeClassifier")
    assert "memorised_bits_share" in repr(audit)
    assert "<table>" in audit._repr_html_()


def test_names_in_the_card_are_escaped(quick, tmp_path):
    np.savez(tmp_path / "<b>bold.npz", x=np.random.default_rng(0).normal(size=(40, 2)), y=np.arange(40) % 2)
    from byheart.tasks.arrays import Arrays

    audit = quick(Arrays.from_npz(tmp_path / "<b>bold.npz"))
    assert "&lt;b&gt;bold" in audit._repr_html_()


def test_the_same_call_gives_the_same_numbers(quick):
    one, two = quick().to_dict(), quick().to_dict()
    for document in (one, two):
        document["provenance"].pop("cpu_seconds")
    assert one == two
    other = quick(seed=1).to_dict()
    assert other["findings"]["complexity/description-length"]["quantities"] != one["findings"]["complexity/description-length"]["quantities"]


def test_the_global_random_state_and_the_arrays_are_left_alone(quick, xy, untouched):
    x, y = xy
    before = x.copy(), y.copy()

    def fit(x, y, seed):
        random.random(), np.random.rand(), torch.rand(1)
        x += 1.0  # our copy, not the user's array
        y[:] = 1 - y
        return DecisionTreeClassifier(random_state=0).fit(x - 1.0, 1 - y)

    quick(fit=fit)
    quick()
    assert np.array_equal(x, before[0])
    assert np.array_equal(y, before[1])


def test_a_given_test_is_what_is_measured(quick, xy):
    x, y = xy
    audit = quick((x[:50], y[:50]), test=(x[50:], y[50:]))
    subject = audit.to_dict()["subject"]
    assert (subject["n"], subject["n_test"]) == (50, 20)


def test_planted_labels_are_counted(quick):
    planted = quick(flip=0.2).to_dict()["planted"]
    assert planted["redrawn"] == round(0.2 * quick().to_dict()["subject"]["n"])
    assert 0 <= planted["found"] <= planted["changed"] <= planted["redrawn"]


def test_a_budget_cuts_members_and_says_so(quick, monkeypatch):
    monkeypatch.setattr(budget, "member_seconds", lambda session, trial: 2.0)
    said = []
    seconds = START + 12 * 2.0 * budget.MEASURE_PART
    audit = quick(members=64, budget=f"{seconds}s", say=said.append)
    assert audit.to_dict()["subject"]["members"] == 12
    line = next(i for i, text in enumerate(said) if text.startswith(f"Budget {seconds:.0f} s: 12 of 64 members"))
    assert line < next(i for i, text in enumerate(said) if " to do" in text)
    assert said[line] in audit.to_dict()["provenance"]["notes"]


def test_a_budget_too_small_names_the_needed_one(quick, refused, monkeypatch):
    monkeypatch.setattr(budget, "member_seconds", lambda session, trial: 2.0)
    with pytest.raises(bh.UsageError) as caught:
        quick(budget="1s")
    needed = re.search(r"--budget (\d+s)", str(caught.value)).group(1)
    refused(caught.value, "at least 2 members")
    assert quick(budget=needed).to_dict()["subject"]["members"] == 2


def test_finding_out_what_a_member_takes_does_not_spend_the_budget(quick):
    """Few are trained for it, not all that were asked for."""
    trained = []

    def fit(x, y, seed):
        trained.append(seed)
        return DecisionTreeClassifier(random_state=seed).fit(x, y)

    with pytest.raises(bh.UsageError, match="at least 2 members"):
        quick(fit=fit, members=64, budget="1s")
    assert 1 <= len(trained) <= TIMED


def test_one_member_says_what_a_member_takes(quick):
    """The trial is kept: a second audit does not train for it again."""
    seen = []
    quick(budget="5m", progress=lambda step, state: seen.append((step.kind, state)))
    assert [state for kind, state in seen if kind == "trial"] == ["to do", "done"]


# Whose model it is


def test_an_estimator_that_only_names_classes(quick):
    audit = quick(model=LinearSVC(), returns="auto")
    assert audit.to_dict()["subject"]["outputs"] == "scores"
    audit = quick(fit=lambda x, y, seed: _Named(DecisionTreeClassifier(random_state=seed).fit(x, y)))
    assert audit.to_dict()["subject"]["outputs"] == "labels"
    others = {name for name, answer in audit.findings.items() if not isinstance(answer, Finding)}
    assert others <= ELSEWHERE


class _Named:
    """A model that has `predict` and nothing else."""

    def __init__(self, inner):
        self.inner = inner

    def predict(self, x):
        return self.inner.predict(x)


@pytest.fixture
def values(rng):
    x = rng.normal(size=(200, 3))
    return x, x[:, 0] * 2 + rng.normal(size=len(x))


@pytest.mark.parametrize("model", [Ridge(), DecisionTreeRegressor()])
def test_values_end_to_end(model, quick, values):
    x, y = values
    audit = quick((x, y), model=model)
    document = audit.to_dict()
    assert document["subject"]["kind"] == "values"
    assert audit.findings["memory/counterfactual"].headline == "memorisation_mean"
    assert "train_r2" in audit.findings["generalization/gap"].quantities
    shares = audit.findings["complexity/description-length"].quantities
    names = ("understood_share", "memorised_share_of_variance", "left_share")
    assert sum(shares[name].value for name in names) == pytest.approx(1.0, abs=1e-9)
    scores = [one.score for one in audit.memorised(100)]
    assert scores == sorted(scores, reverse=True)
    assert float(audit.memorised(1)[0].label) == pytest.approx(y[audit.memorised(1)[0].id], rel=1e-4)
    assert "memory/label-noise" not in {name for name, answer in audit.findings.items() if answer.status == "failed"}


def test_a_tree_on_values_memorises_more_than_a_line(quick, values):
    tree, line = (quick(values, model=model) for model in (DecisionTreeRegressor(), Ridge()))
    by_heart = [one.findings["complexity/description-length"].quantities["memorised_share_of_variance"].interval for one in (tree, line)]
    assert by_heart[0][0] > by_heart[1][1]
    assert tree.findings["generalization/gap"].quantities["train_r2"].value == pytest.approx(1.0)


def test_a_module_of_the_users_in_our_loop(quick):
    def make():
        return torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))

    audit = quick(model=make, settings={"epochs": 2})
    subject = audit.to_dict()["subject"]
    assert subject["epochs"] == 2
    assert subject["parameters"] == 3 * 8 + 8 + 8 * 2 + 2
    assert subject["title"].endswith("make")


class Both(torch.nn.Module):
    """Reads three numbers as a sequence, from both ends."""

    def __init__(self):
        super().__init__()
        self.cells, self.head = torch.nn.GRU(1, 2, batch_first=True, bidirectional=True), torch.nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.cells(x[..., None])[0][:, -1])


def test_why_members_are_trained_one_after_another_is_said(quick):
    document = quick(model=Both, settings={"epochs": 1}).to_dict()
    assert document["provenance"]["way"] == "each (GRU reads both ways)"


class Net(torch.nn.Module):
    """A module whose class is its factory."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 2)

    def forward(self, x):
        return self.layer(x)


def test_the_class_of_a_module_is_a_factory_and_a_module_is_not(quick, refused):
    assert quick(model=Net, settings={"epochs": 1}).to_dict()["subject"]["title"].endswith("Net")
    with pytest.raises(bh.UsageError) as caught:
        quick(model=Net())
    refused(caught.value, "fresh module", "lambda: Net")


def test_a_module_of_the_wrong_shape_is_refused(quick, refused):
    with pytest.raises(InputRefused) as caught:
        quick(model=lambda: torch.nn.Linear(3, 5), settings={"epochs": 1})
    refused(caught.value, "5", "2")
    with pytest.raises(InputRefused) as caught:
        quick(model=lambda: torch.nn.Linear(9, 2), settings={"epochs": 1})
    refused(caught.value, "(3, 3)")


def test_training_of_the_users_that_gives_a_module(quick):
    def fit(x, y, seed):
        torch.manual_seed(seed)
        module = torch.nn.Linear(3, 2)
        optimizer = torch.optim.Adam(module.parameters(), lr=0.1)
        for _ in range(5):
            loss = torch.nn.functional.cross_entropy(module(torch.as_tensor(x).float()), torch.as_tensor(y))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return module

    audit = quick(fit=fit)
    subject = audit.to_dict()["subject"]
    assert (subject["outputs"], subject["parameters"]) == ("logits", 8)
    others = {name for name, answer in audit.findings.items() if not isinstance(answer, Finding)}
    assert others <= ELSEWHERE


def test_training_that_fails_on_some_subsets_is_counted_and_the_rest_goes_on(quick):
    def fit(x, y, seed):
        if seed % 3 == 0:
            raise ValueError("this subset does not suit me")
        return DecisionTreeClassifier(random_state=seed).fit(x, y)

    audit = quick(fit=fit, members=16)
    document = audit.to_dict()
    failed = 16 - document["subject"]["members"]
    assert 0 < failed < 16
    note = next(note for note in document["provenance"]["notes"] if "could not be trained" in note)
    assert note.startswith(f"{failed} of 16 members")
    assert "this subset does not suit me" in note
    assert audit.memorised(3)


def test_training_that_always_fails_says_why(quick, refused):
    def fit(x, y, seed):
        raise ValueError("nothing\nsuits\nme")

    with pytest.raises(StepFailed, match="ValueError: nothing suits me") as caught:
        quick(fit=fit)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("model, words", [
    (lambda x: np.zeros((len(x), 3)), ["2)", "3)"]),
    (lambda x: np.zeros(3), ["(3,)"]),
    (lambda x: None, ["NoneType"]),
    (lambda x: {"logits": np.zeros((len(x), 2))}, ["dict"]),
    (lambda x: np.full(len(x), 7), ["0..1", "7"]),
])  # fmt: skip
def test_a_model_that_returns_the_wrong_thing_is_refused(model, words, quick, refused):
    with pytest.raises(InputRefused) as caught:
        quick(fit=lambda x, y, seed: model)
    refused(caught.value, *words)


def test_a_model_of_one_member_that_diverges_is_left_out(quick):
    def fit(x, y, seed):
        tree = DecisionTreeClassifier(random_state=seed).fit(x, y)
        return (lambda x: np.full((len(x), 2), np.nan)) if seed % 3 == 0 else tree

    audit = quick(fit=fit, members=16)
    assert 0 < audit.to_dict()["subject"]["members"] < 16
    assert any("could not be trained" in note for note in audit.to_dict()["provenance"]["notes"])


def test_training_without_a_source_runs_uncached_and_says_so(xy, tmp_path):
    space = {"Tree": DecisionTreeClassifier, "calls": [], "generator": (i for i in range(10**6))}
    exec("fit = lambda x, y, seed: (calls.append(next(generator)), Tree(random_state=seed).fit(x, y))[1]", space)
    said = []
    audit = bh.audit(xy, fit=space["fit"], members=8, out=tmp_path, say=said.append)
    assert [line for line in said if line.startswith("Not kept: ")]
    assert any(note.startswith("Not kept: ") for note in audit.to_dict()["provenance"]["notes"])
    assert audit.memorised(2)
    assert not (tmp_path / "ledger").exists()
    calls = len(space["calls"])
    bh.audit(xy, fit=space["fit"], members=8, out=tmp_path)
    assert len(space["calls"]) == 2 * calls


def test_keyed_training_is_not_run_twice(quick, tmp_path):
    calls = []
    quick(fit=_fit, out=tmp_path, progress=lambda step, state: calls.append((step.kind, state)))
    assert ("train", "done") in calls
    calls.clear()
    quick(fit=_fit, out=tmp_path, progress=lambda step, state: calls.append((step.kind, state)))
    assert {state for _, state in calls} == {"kept"}


def _fit(x, y, seed):
    return DecisionTreeClassifier(random_state=seed).fit(x, y)


def test_what_was_not_measured_says_so(quick, monkeypatch):
    from byheart.probes.complexity.description_length import Bits

    def broken(*given):
        raise RuntimeError("broken")

    monkeypatch.setattr(Bits, "measure", broken)
    audit = quick()
    with pytest.raises(ByheartError, match=r"a bit budget, got failed: RuntimeError: broken. See"):
        audit.bits  # noqa: B018
    assert audit.why_no_number("complexity/description-length") == "RuntimeError: broken"
    for probe, answer in audit.findings.items():
        assert (audit.why_no_number(probe) == "") == (answer.status == "measured"), probe


def test_probes_on_request_are_asked_by_name_and_only_then(tmp_path):
    x, y = np.random.default_rng(0).normal(size=(80, 3)), np.arange(80) % 2
    given = {"model": _small, "members": 16, "settings": {"epochs": 2}, "say": lambda line: None, "out": tmp_path}
    before = bh.audit((x, y), **given)
    asked = bh.audit((x, y), also=["memory/credit:test=9:train=8", "memory/effect:test=8:train=8"], **given)
    for name in ("memory/credit", "memory/effect"):
        assert before.findings[name].status == "not applicable"
        assert f"--also {name}" in advice(before.findings[name].reason, About())
        assert asked.findings[name].status in {"measured", "withheld"}
    assert asked.findings["memory/credit"].quantities["examples_behind"].n == 9
    alone = bh.audit((x, y), also="memory/credit:test=8:train=8", **given)
    assert alone.findings["memory/credit"].status != "not applicable"
    with pytest.raises(bh.ByheartError, match="memory/effect"):
        bh.audit((x, y), also=["memory/efect"], **given)
    with pytest.raises(bh.ByheartError, match="test"):
        bh.audit((x, y), also=["memory/effect:tets=3"], **given)


def test_members_are_counted_in_the_bank_alone(quick):
    """Models trained again for the ceiling of effect fail as often, and are no members."""

    def fit(x, y, seed):
        from sklearn.linear_model import LogisticRegression

        if seed % 4 == 0:
            raise ValueError("this seed does not suit me")
        return LogisticRegression(max_iter=50).fit(x, y)

    x, y = np.random.default_rng(0).normal(size=(80, 3)), np.arange(80) % 2
    told = [
        bh.audit((x, y), fit=fit, members=24, also=also, say=lambda line: None).to_dict()
        for also in ((), ["memory/effect:method=retrain:test=8"])
    ]
    assert told[0]["subject"]["members"] == told[1]["subject"]["members"] < 24


def test_a_training_that_cannot_be_recorded_fails_its_card_alone():
    from torch import nn

    x, y = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32), np.arange(80) % 2
    made = lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))  # noqa: E731
    given = {"members": 16, "settings": {"epochs": 2}, "say": lambda line: None}
    found = bh.audit((x, y), model=made, also=["memory/credit"], **given)
    assert found.findings["memory/credit"].status == "failed"
    assert found.findings["complexity/description-length"].status == "measured"


def _small():
    from torch import nn

    return nn.Linear(3, 2)
