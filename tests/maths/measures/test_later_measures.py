"""Adaptive sharpness, mixed examples, disagreement: invariances, limits, and where they do not apply."""

import math

import pytest
import torch
from sklearn.metrics import davies_bouldin_score
from torch import nn

from byheart.errors import InputRefused
from byheart.maths.measures import Search, compute
from byheart.maths.measures.disagreement import disagreement
from byheart.maths.measures.example_order import example_order

SHARP = ["adaptive-sharpness-average", "adaptive-sharpness-worst"]
MIXED = ["davies-bouldin-mixup", "mixup-margin"]
SEARCH = Search(draws=3, starts=2, ascent_steps=4)


@pytest.fixture
def net():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(75, 3)).double()
    x = torch.randn(40, 1, 5, 5).double()
    return model.requires_grad_(False), x, model(x).argmax(1)


def rescaled(model, first, last):
    made = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(75, 3)).double()
    made.load_state_dict(model.state_dict())
    for part, factor in (
        (made[0].weight, first),
        (made[0].bias, first),
        (made[3].weight, last),
        (made[3].bias, last * first),
    ):
        part.data *= factor
    return made


@pytest.mark.parametrize("first, last", [(8.0, 1 / 8), (1.0, 16.0)])
def test_adaptive_sharpness_sees_neither_a_rescaling_nor_larger_logits(net, first, last):
    model, x, y = net
    before = compute(model, examples=(x, y), search=SEARCH, names=[*SHARP, "sharpness-flatness"])
    after = compute(rescaled(model, first, last), examples=(x, y), search=SEARCH, names=[*SHARP, "sharpness-flatness"])
    for name in SHARP:
        assert after[name].value == pytest.approx(before[name].value, rel=1e-9)
        assert abs(before[name].value) > 1e-4
    assert after["sharpness-flatness"].value != pytest.approx(before["sharpness-flatness"].value, rel=0.3)


def test_the_worst_is_no_less_than_without_moving_and_grows_with_its_box(net):
    model, x, y = net
    small, large = (
        compute(model, examples=(x, y), search=Search(relative_box=box), names=SHARP)["adaptive-sharpness-worst"].value
        for box in (0.001, 0.01)
    )
    assert 0 <= small < large


def test_the_worst_is_taken_for_128_examples_at_a_time(net):
    """In the order that the measure takes them, two blocks of 128 are each searched for a worst of its own."""
    torch.manual_seed(3)
    model = net[0]
    x = torch.randn(256, 1, 5, 5).double()
    x = x[example_order(x)]
    blocks = [
        compute(model, examples=(part, model(part).argmax(1)), search=SEARCH, names=SHARP[1:])[SHARP[1]].value
        for part in (x, x[:128], x[128:])
    ]
    assert blocks[0] == pytest.approx(sum(blocks[1:]) / 2, rel=1e-6)


@pytest.mark.parametrize("name", [*SHARP, *MIXED])
def test_the_order_of_examples_changes_nothing(net, name):
    model, x, _ = net
    y = torch.arange(40) % 3
    order = torch.randperm(40, generator=torch.Generator().manual_seed(1))
    one, other = (
        compute(model, examples=(x[ids], y[ids]), search=SEARCH, names=[name])[name] for ids in (order, order.argsort())
    )
    assert one.value == pytest.approx(other.value, rel=1e-6)


def test_the_order_looks_random():
    """Of points on a line it is neither rising nor falling; of equal points there is one as well."""
    order = example_order(torch.linspace(0, 1, 2000)[:, None])
    assert sorted(order.tolist()) == list(range(2000))
    assert abs(float(torch.corrcoef(torch.stack([order, torch.arange(2000)]).double())[0, 1])) < 4 / math.sqrt(2000)
    apart = (order - order.roll(1)).abs().double().mean()
    assert float(apart) == pytest.approx(2000 / 3, abs=4 * 2000 / math.sqrt(18 * 2000) * 2)
    assert len(example_order(torch.ones(5, 2, dtype=torch.long))) == 5


def test_without_a_search_there_is_no_sharpness(net):
    model, x, y = net
    for one in compute(model, examples=(x, y), names=SHARP).values():
        assert "no search" in one.reason


def test_the_notes_say_what_is_a_bound_and_what_is_chance(net):
    model, x, y = net
    found = compute(model, examples=(x, y), search=SEARCH, names=SHARP)
    assert "mean of 3 draws, standard error" in found[SHARP[0]].reason
    assert "lower bound" in found[SHARP[1]].reason


def test_outputs_of_a_convolution_are_the_largest_of_squares_of_4_by_4():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Flatten(), nn.Linear(128, 3)).double().requires_grad_(False)
    x, y = torch.randn(30, 1, 8, 8).double(), torch.arange(30) % 3
    wrong = []
    for label in range(3):
        ids = torch.nonzero(y == label)[:, 0]
        ids = ids[example_order(x[ids])]
        wrong += [int(model((x[a] + x[b])[None] / 2).argmax()) != label for a, b in zip(ids, ids.roll(1), strict=True)]
    largest = model[0](x).numpy().reshape(30, 2, 2, 4, 2, 4).max((3, 5)).reshape(30, 8)
    expected = davies_bouldin_score(largest, y.numpy()) * sum(wrong) / 30
    found = compute(model, examples=(x, y), names=["davies-bouldin-mixup"])["davies-bouldin-mixup"]
    assert found.value == pytest.approx(expected, rel=1e-11)
    assert expected > 0


def test_outputs_of_a_convolution_are_written_into_by_nobody():
    torch.manual_seed(0)
    plain, inplace = (
        nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(inplace=how), nn.Flatten(), nn.Linear(300, 3))
        for how in (False, True)
    )
    inplace.load_state_dict(plain.state_dict())
    examples = torch.randn(30, 1, 12, 12), torch.arange(30) % 3
    for name in MIXED:
        assert compute(plain, examples=examples, names=[name]) == compute(inplace, examples=examples, names=[name])


def test_mixing_within_one_point_of_each_class_is_exact():
    """Three points, copied: mixed examples are the points, all right, and classes do not overlap."""
    model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)).double().requires_grad_(False)
    for layer in model:
        layer.weight.copy_(torch.eye(3))
    x, y = torch.eye(3).double().repeat(5, 1), torch.arange(3).repeat(5)
    found = compute(model, examples=(x, y), names=MIXED)
    assert found["davies-bouldin-mixup"].value == 0
    assert found["mixup-margin"].value == pytest.approx(-(1 / math.sqrt(2)) / math.sqrt(2 / 9))  # variance of 1, 0, 0


@pytest.mark.parametrize(
    "change, reason",
    [
        (lambda x, y: (x[:3], torch.arange(3)), "no two examples have the same label"),
        (lambda x, y: (x, 0 * y), "all examples have the same label"),
        (lambda x, y: (x[:1].expand(40, 1, 5, 5), y), "same mean output"),
    ],
)
def test_where_classes_cannot_be_compared_it_says_why(net, change, reason):
    model, x, y = net
    found = compute(model, examples=change(x, y), names=["davies-bouldin-mixup"])["davies-bouldin-mixup"]
    assert not found.applicable
    assert reason in found.reason


class Bytes(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.layers = layers

    def forward(self, x):
        return self.layers(x.float() / 255)


def test_a_model_of_bytes_is_searched_like_the_same_model_of_numbers(net):
    """Its forward makes float64 of them, so that the ascent cannot go in float32; scores are the same."""
    layers, _, _ = net
    x = torch.randint(0, 256, (60, 1, 5, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    y = layers(x.double() / 255).argmax(1)
    names = [*SHARP, *MIXED, "pacbayes-flatness", "sharpness-flatness"]
    found = compute(
        Bytes(layers), examples=(x, y), search=SEARCH, names=[*names, "disagreement"], second_run=(Bytes(layers), x)
    )
    plain = compute(layers, examples=(x.double() / 255, y), search=SEARCH, names=names)
    for name in names:
        assert found[name].value == pytest.approx(plain[name].value, rel=0.02), name
    alone = compute(Bytes(layers), second_run=(Bytes(layers), x), names=["disagreement"])["disagreement"]
    assert alone.value == found["disagreement"].value == 0


def test_tokens_cannot_be_mixed():
    class Texts(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.head = nn.Embedding(7, 4), nn.Linear(4, 2)

        def forward(self, ids):
            return self.head(self.embedding(ids).mean(1))

    found = compute(
        Texts(), examples=(torch.arange(40).reshape(10, 4) % 7, torch.arange(10) % 2), names=["mixup-margin"]
    )
    assert "cannot be mixed" in found["mixup-margin"].reason


def test_a_run_agrees_with_itself_and_the_interval_says_so(net):
    model, x, _ = net
    found = compute(model, second_run=(model, x), names=["disagreement"])["disagreement"]
    assert found.value == 0
    assert "95 % interval 0 to 8.76 % of 40 examples" in found.reason
    assert not compute(model, names=["disagreement"])["disagreement"].applicable


def test_predictions_of_different_examples_are_refused(net):
    with pytest.raises(InputRefused, match="predicted class for each example"):
        disagreement([0, 1], [0])
    model, x, _ = net
    with pytest.raises(InputRefused, match="inputs of the second run"):
        compute(model, second_run=(model, x * math.nan), names=["disagreement"])
    broken = rescaled(model, math.inf, 1.0)
    with pytest.raises(InputRefused, match=r"the second run without NaN or infinity, got some in 0\.weight"):
        compute(model, second_run=(broken, x), names=["disagreement"])
