"""`byheart measure`: what is measured of a network as it is, from what evidence, and what is refused."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import byheart as bh
from byheart.maths.measures import compute
from byheart.maths.statistics.paired import unpaired_difference

FACTORY = """
from torch import nn
print("a print of the user's")
def make(width=5):
    return nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 3))
half = make().half()
number = 3
def wrong():
    return number
def needs(width):
    return make(width)
def leaves():
    raise SystemExit(0)
class Nan(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)
    def forward(self, x):
        return self.layer(x) * float("nan")
"""


def net(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))


def trained():
    """A network that fits 60 points of three classes, its start, the points and 40 new ones."""
    rng = np.random.default_rng(3)
    y = np.arange(100) % 3
    x = (rng.normal(size=(100, 4)) + 2.5 * np.eye(4)[y]).astype(np.float32)
    model = net(1)
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(150):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(torch.from_numpy(x[:60])), torch.from_numpy(y[:60])).backward()
        optimizer.step()
    return model, net(1), (x[:60], y[:60]), (x[60:], y[60:])


@pytest.fixture(scope="module")
def network():
    return trained()


@pytest.fixture
def files(network, tmp_path):
    """final.safetensors, final.pt, initial.safetensors, net.py, train.npz, test.npz in the folder of the test."""
    model, start, train, test = network
    save_file(model.state_dict(), tmp_path / "final.safetensors")
    save_file(start.state_dict(), tmp_path / "initial.safetensors")
    torch.save({"state_dict": {f"module.{k}": v for k, v in model.state_dict().items()}}, tmp_path / "final.pt")
    (tmp_path / "net.py").write_text(FACTORY)
    for name, (x, y) in (("train", train), ("test", test)):
        np.savez(tmp_path / f"{name}.npz", x=x, y=y)
    return tmp_path


@pytest.fixture
def measured(byheart, files):
    """The JSON document of `byheart measure WORDS`."""

    def run(*words):
        said = byheart("measure", *words, "--json", "--quiet")
        assert said.code == 0, said.err
        return json.loads(said.out)

    return run


def squares(model):
    return float(sum((value.double() ** 2).sum() for value in model.state_dict().values() if value.dim() == 2))


# What is measured ---------------------------------------------------------------------------------------------------


def test_a_checkpoint_alone_has_the_measures_of_weights_and_says_what_it_lacks(measured, network, byheart):
    found = measured("final.safetensors")
    assert found["evidence"] == ["weights"]
    assert found["measures"]["param-norm"]["value"] == pytest.approx(squares(network[0]), rel=1e-12)
    assert all(one["needs"] == ["weights"] for one in found["measures"].values())
    assert "names no architecture" in found["model"]["lacking"]
    assert found["model"]["parameters"] == 4 * 5 + 5 + 5 * 3 + 3
    said = byheart("measure", "final.safetensors").out
    assert "Measured from  weights\n" in said
    assert "needs the training examples (--train)" in said
    assert "param-norm" in said


def test_wrappers_prefixes_change_nothing(measured):
    assert measured("final.pt")["measures"] == measured("final.safetensors")["measures"]


def test_a_factory_with_weights_start_and_examples_has_all_of_it(measured, network):
    model, start, (x, y), (x_test, y_test) = network
    found = measured(
        "net.py:make", "--weights", "final.pt", "--initial", "initial.safetensors", "--train", "train.npz", "--test", "test.npz"
    )
    assert found["evidence"] == ["weights", "initial weights", "data"]
    direct = compute(model, start.state_dict(), (x, y))
    measures = {name: one for name, one in direct.items() if one.applicable}
    assert set(found["measures"]) == set(measures)
    for name, one in measures.items():
        assert found["measures"][name]["value"] == pytest.approx(one.value, rel=1e-9), name
    right = {}
    for view, own, labels in (("train", x, y), ("test", x_test, y_test)):
        right[view] = int((model(torch.from_numpy(own)).argmax(1).numpy() == labels).sum())
        one = found["scores"][f"{view}_accuracy"]
        assert (one["value"], one["n"], one["method"]) == (right[view] / len(own), len(own), "Wilson")
    assert found["scores"]["gap"]["value"] == pytest.approx(right["train"] / 60 - right["test"] / 40)
    ends = {view: np.array([of["value"], *of["interval"]]) for view, of in found["scores"].items() if view != "gap"}
    apart = unpaired_difference(ends["test_accuracy"], ends["train_accuracy"])
    assert found["scores"]["gap"]["interval"] == pytest.approx(apart[1:].tolist())


def test_what_the_users_file_prints_is_no_part_of_the_document(byheart, files):
    said = byheart("measure", "net.py:make", "--json")
    assert json.loads(said.out)["model"]["architecture"] is True
    assert "a print of the user's" in said.err


def test_examples_without_an_architecture_are_said_to_be_of_no_use(measured):
    found = measured("final.safetensors", "--train", "train.npz")
    assert found["evidence"] == ["weights"]
    (one,) = [group for group in found["unmeasured"] if "cross-entropy" in group["names"]]
    assert "needs an architecture to call on the examples" in one["why"]


def test_every_measure_is_there_once_measured_or_not(measured):
    from byheart.maths.measures import NAMES

    for words in (["final.pt"], ["net.py:make", "--weights", "final.pt", "--train", "train.npz"]):
        found = measured(*words)
        listed = [*found["measures"], *(name for group in found["unmeasured"] for name in group["names"])]
        assert sorted(listed) == sorted(NAMES)


def test_every_probe_is_said_to_be_left_out(measured):
    from byheart.registry import names

    listed = [name for group in measured("final.pt")["probes"] for name in group["names"]]
    assert sorted(listed) == sorted(names("probe"))


@pytest.mark.parametrize("labels", [[0, 2], ["0", "2"], [0.0, 2.0]])
def test_labels_are_the_numbers_of_the_scores_where_some_do_not_occur(labels, measured, network, files):
    model, _, (x, y), _ = network
    rows = y != 1
    np.savez(files / "two.npz", x=x[rows], y=np.where(y[rows] == 0, labels[0], labels[1]))
    found = measured("net.py:make", "--weights", "final.pt", "--train", "two.npz")
    right = float((model(torch.from_numpy(x[rows])).argmax(1).numpy() == y[rows]).mean())
    assert right > 0.8
    assert found["scores"]["train_accuracy"]["value"] == right


def test_names_are_the_scores_in_their_order(measured, network, files):
    _, _, (x, y), _ = network
    np.savez(files / "named.npz", x=x, y=np.array(["ant", "bee", "cow"])[y])
    words = ["net.py:make", "--weights", "final.pt", "--train"]
    found = measured(*words, "named.npz")
    assert found["scores"] == measured(*words, "train.npz")["scores"]
    assert "scores are taken for classes: 0 ant, 1 bee, 2 cow" in found["notes"]


def test_numbers_that_do_not_begin_at_0_are_taken_in_the_order_of_numbers(rng, byheart):
    """1 to 11 in a table: as words, 10 and 11 would come before 2."""

    class Told(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 11)

        def forward(self, x):
            return 100 * nn.functional.one_hot(x[:, 0].long() - 1, 11) + 0 * self.layer(x)

    y = 1 + np.arange(66) % 11
    for labels in (y, y.astype(str)):
        found = bh.measure(Told(), train=(np.stack([y, rng.normal(size=66)], 1).astype(np.float32), labels))
        assert found.scores["train_accuracy"].value == 1


def test_a_table_gives_all_its_rows(measured, network, files):
    _, _, (x, y), _ = network
    lines = ["a,b,c,d,kind", *(f"{','.join(map(repr, map(float, row)))},{label}" for row, label in zip(x, y))]
    (files / "table.csv").write_text("\n".join(lines))
    words = ["net.py:make", "--weights", "final.pt", "--train"]
    found = measured(*words, "table.csv", "--target", "kind")
    assert found["scores"]["train_accuracy"]["n"] == 60
    expected = measured(*words, "train.npz")
    assert found["scores"]["train_accuracy"]["value"] == expected["scores"]["train_accuracy"]["value"]
    assert found["measures"]["cross-entropy"]["value"] == pytest.approx(expected["measures"]["cross-entropy"]["value"], rel=1e-6)


def test_an_archive_that_brings_its_test_gives_both(measured, network, files):
    _, _, (x, y), (x_test, y_test) = network
    np.savez(files / "both.npz", x=x, y=y, x_test=x_test, y_test=y_test)
    words = ["net.py:make", "--weights", "final.pt", "--train"]
    assert measured(*words, "both.npz")["scores"] == measured(*words, "train.npz", "--test", "test.npz")["scores"]


def test_a_test_alone_gives_its_accuracy_and_no_measure_of_data(measured):
    found = measured("net.py:make", "--weights", "final.pt", "--test", "test.npz")
    assert list(found["scores"]) == ["test_accuracy"]
    assert found["evidence"] == ["weights"]


def test_half_precision_is_measured_as_it_is_stored(measured, network, files):
    for dtype in (torch.float16, torch.bfloat16):
        weights = {name: value.to(dtype) for name, value in network[0].state_dict().items()}
        save_file(weights, files / "half.safetensors")
        found = measured("half.safetensors")
        assert found["model"]["stored_as"] == [str(dtype).removeprefix("torch.")]
        rounded = float(sum((value.double() ** 2).sum() for value in weights.values() if value.dim() == 2))
        assert found["measures"]["param-norm"]["value"] == pytest.approx(rounded, rel=1e-12)
        assert found["measures"]["param-norm"]["value"] != pytest.approx(squares(network[0]), rel=1e-9)


def test_whole_numbers_of_a_quantised_layer_are_left_out_and_said(measured, network, files, byheart):
    weights = network[0].state_dict()
    save_file({**weights, "2.weight": torch.ones(3, 5, dtype=torch.int8)}, files / "int8.safetensors")
    found = measured("int8.safetensors")
    assert found["model"]["skipped"] == ["2.weight (int8, of no known scale)", "2.bias"]
    assert found["model"]["covered"] == pytest.approx((4 * 5 + 5) / 43)
    assert found["measures"]["param-norm"]["value"] == pytest.approx(float((weights["0.weight"].double() ** 2).sum()))
    assert "skipped: 2.weight (int8, of no known scale)" in byheart("measure", "int8.safetensors").out


def test_tied_weights_count_once(measured, files):
    both = torch.arange(12.0).reshape(4, 3)
    torch.save({"embed.weight": both, "head.weight": both, "body.weight": torch.ones(4, 4)}, files / "tied.pt")
    assert measured("tied.pt")["model"]["parameters"] == 12 + 16


def test_the_published_record_stands_beside_each_measure(measured, byheart):
    found = measured("final.pt")["measures"]
    assert found["param-norm"]["published"]["sign_error"] == 0.1788
    assert found["param-norm"]["published"]["fails"] == ["width"]
    assert found["l2"]["published"] is None
    assert found["prod-of-spec-fft"]["published"]["psi"] is None
    assert found["prod-of-spec"]["published"] is None  # Dziugaite et al. took the operator of the convolution
    said = byheart("measure", "final.pt").out
    (row,) = [line for line in said.splitlines() if line.startswith("  param-norm ")]
    assert row.split()[-3:] == ["0.18", "0.05", "width"]
    assert said.splitlines()[-1].startswith("No measure is a verdict")


def test_a_product_beyond_the_largest_float_is_shown_by_its_logarithm(measured, files, byheart):
    save_file({f"{i}.weight": torch.full((2, 2), 1e20) for i in range(10)}, files / "large.safetensors")
    one = measured("large.safetensors")["measures"]["prod-of-fro"]
    assert one["value"] is None
    assert one["log_value"] == pytest.approx(10 * np.log(4 * 1e40), rel=1e-6)
    assert "1.049e+406" in byheart("measure", "large.safetensors").out


def test_what_is_beyond_float64_is_not_measured(measured, files):
    save_file({"w.weight": torch.full((3, 3), 1e300, dtype=torch.float64)}, files / "beyond.safetensors")
    found = measured("beyond.safetensors")
    (one,) = [group for group in found["unmeasured"] if "param-norm" in group["names"]]
    assert "no finite number in float64" in one["why"]
    assert "params" in found["measures"]


def test_a_layer_of_zeros_is_measured_as_zero(measured, files, byheart):
    save_file({"w.weight": torch.zeros(3, 3)}, files / "zeros.safetensors")
    assert measured("zeros.safetensors")["measures"]["param-norm"]["value"] == 0
    (row,) = [line for line in byheart("measure", "zeros.safetensors").out.splitlines() if line.startswith("  param-norm ")]
    assert row.split()[1] == "0"


def test_a_measure_that_breaks_hides_no_other(network, monkeypatch):
    from byheart.maths.measures import table

    def broken(_):
        raise ZeroDivisionError("no reason")

    monkeypatch.setitem(table.ROWS, "l2", table.ROWS["l2"]._replace(function=broken))
    found = bh.measure(network[0])
    assert found["param-norm"].applicable
    assert "ZeroDivisionError: no reason" in found["l2"].reason


def test_a_search_finds_the_flatness_and_says_what_it_is(network):
    model, start, train, _ = network
    found = bh.measure(model, start, train, search=True, names=["sharpness-flatness", "sharpness-init"])
    assert found.evidence == ("weights", "initial weights", "data", "search")
    assert found["sharpness-flatness"].value > 0
    place = found.lines().index("With a remark")
    assert "lower bound" in found.lines()[place + 1]
    assert found.lines()[place + 2].split() == ["sharpness-flatness,", "sharpness-init"]


def test_examples_that_are_in_training_too_are_said(measured, network, files):
    _, _, (x, y), (x_test, y_test) = network
    np.savez(files / "leak.npz", x=np.concatenate([x_test, x[:7]]), y=np.concatenate([y_test, y[:7]]))
    found = measured("net.py:make", "--train", "train.npz", "--test", "leak.npz")
    assert "overlap: 7 test examples have a twin among the training examples" in found["notes"]


def test_copies_of_test_examples_widen_no_less_than_they_count(measured, network, files):
    """Ten times the same 40 examples say no more than these."""
    _, _, _, (x_test, y_test) = network
    np.savez(files / "copies.npz", x=np.tile(x_test, (10, 1)), y=np.tile(y_test, 10))
    words = ["net.py:make", "--weights", "final.pt", "--test"]
    once, often = (measured(*words, name)["scores"]["test_accuracy"] for name in ("test.npz", "copies.npz"))
    assert often["interval"] == pytest.approx(once["interval"])
    assert (once["n"], often["n"]) == (40, 400)


def test_a_model_of_dictionaries_is_called_on_them(network):
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = network[0]

        def forward(self, given):
            return self.inner(torch.cat([given["left"], given["right"]], 1))

    _, start, (x, y), _ = network
    plain = bh.measure(network[0], start, (x, y))
    model, first = Named(), {f"inner.{name}": value for name, value in start.state_dict().items()}
    named = bh.measure(model, first, ({"left": x[:, :1], "right": x[:, 1:]}, y))
    assert named.scores["train_accuracy"].value == plain.scores["train_accuracy"].value
    for name in ("param-norm", "fro-distance", "cross-entropy", "path-norm"):
        assert named[name].applicable == plain[name].applicable
        assert named[name].value == pytest.approx(plain[name].value, rel=1e-6) if plain[name].applicable else True


# A recorded training ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def traced(network, tmp_path_factory):
    """The folder of a trace of 90 steps of three batches an epoch, the model after it, and losses after every step."""
    _, _, (x, y), _ = network
    x, y, model, losses = torch.from_numpy(x), torch.from_numpy(y), net(1), []
    folder = tmp_path_factory.mktemp("trace")
    optimizer = torch.optim.Adam(model.parameters(), 0.1)
    loss = nn.functional.cross_entropy
    with bh.record(model, optimizer, "cross-entropy", (x, y)) as trace:
        for step in range(90):
            if step == 3:
                save_file(model.state_dict(), folder / "epoch.safetensors")
            losses.append(loss(model(x), y).item())
            rows = torch.arange(step % 3, 60, 3)
            optimizer.zero_grad()
            loss(model(x[rows]), y[rows]).backward()
            trace.batch(rows)
            optimizer.step()
    losses.append(loss(model(x), y).item())
    trace.save(folder)
    save_file(model.state_dict(), folder / "after.safetensors")
    return folder, losses


def test_a_trace_gives_the_start_the_steps_and_the_noise_after_an_epoch(traced, measured, network):
    folder, losses = traced
    words = ["net.py:make", "--weights", folder / "after.safetensors", "--train", "train.npz"]
    found = measured(*words, "--trace", folder)
    assert found["evidence"] == ["weights", "initial weights", "data", "training log"]
    reached = next(step for step, loss in enumerate(losses) if loss <= 0.1)
    assert 3 < reached < 90
    assert found["measures"]["steps-to-0.1"]["value"] == pytest.approx(reached)
    with_start = measured(*words, "--initial", "initial.safetensors")
    assert found["measures"]["fro-distance"] == with_start["measures"]["fro-distance"]
    epoch = measured("net.py:make", "--weights", folder / "epoch.safetensors", "--train", "train.npz")
    after_one, at_the_end = (found["measures"][f"grad-noise-{when}"]["value"] for when in ("epoch-1", "final"))
    assert after_one == pytest.approx(epoch["measures"]["grad-noise-final"]["value"], rel=1e-9)
    assert after_one != pytest.approx(at_the_end, rel=1e-3)


def test_a_trace_of_another_training_is_refused(traced, byheart, files, short):
    folder, _ = traced
    run = ["measure", "net.py:make", "--quiet", "--trace", folder]
    short(byheart(*run, "--weights", "final.pt", "--train", "train.npz"), 3, "ends at other weights in 0.weight")
    after = ["--weights", folder / "after.safetensors"]
    short(byheart(*run, *after, "--train", "test.npz"), 3, "the examples (x, y)")
    short(byheart(*run, *after), 2, "its training examples, with a trace")
    short(byheart(*run[:-1], files, *after, "--train", "train.npz"), 3, "trace.json")
    short(byheart(*run[:-1], files / "no", *after, "--train", "train.npz"), 2, "the folder of a trace")


def test_a_second_run_gives_the_disagreement_on_new_examples(measured, network, files, byheart, short):
    model, _, _, (x_test, _) = network
    other = net(7)
    save_file(other.state_dict(), files / "second.safetensors")
    words = ["net.py:make", "--weights", "final.pt", "--second"]
    found = measured(*words, "second.safetensors", "--test", "test.npz")
    assert found["evidence"] == ["weights", "second run"]
    x = torch.from_numpy(x_test)
    differ = (model(x).argmax(1) != other(x).argmax(1)).double().mean().item()
    assert differ > 0
    assert found["measures"]["disagreement"]["value"] == pytest.approx(differ)
    short(byheart("measure", *words, "second.safetensors"), 2, "its test examples, with a second run")
    short(byheart("measure", *words, "final.pt", "--test", "test.npz", "--quiet"), 3, "the same weights")


# From Python --------------------------------------------------------------------------------------------------------


def test_in_python_a_module_a_state_dict_and_a_path_are_measured_alike(network, files):
    model, start, train, test = network
    whole = bh.measure(model, start, train, test)
    assert whole.evidence == ("weights", "initial weights", "data")
    assert whole["param-norm"].value == pytest.approx(squares(model), rel=1e-12)
    for other in (model.state_dict(), files / "final.pt", str(files / "final.safetensors")):
        assert bh.measure(other)["param-norm"].value == pytest.approx(squares(model), rel=1e-12)
    assert repr(whole) == "<Measurement of Sequential from weights, initial weights, data>"
    assert whole.to_dict()["scores"]["gap"]["n"] == 40


def test_what_spreads_a_model_over_devices_is_taken_off(network):
    model = network[0]
    found = bh.measure(nn.DataParallel(model), weights=model.state_dict(), initial=network[1].state_dict())
    assert found["fro-distance"].value == bh.measure(model, network[1])["fro-distance"].value


def test_bytes_of_pictures_go_in_as_they_are(rng):
    class Pictures(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Flatten(), nn.Linear(48, 2))

        def forward(self, x):
            return self.layers(x.movedim(-1, 1).float() / 255)

    x, y = rng.integers(0, 256, (30, 4, 4, 3), dtype=np.uint8), np.arange(30) % 2
    found = bh.measure(Pictures(), train=(x, y))
    assert found["cross-entropy"].applicable
    assert found["grad-noise-final"].applicable


@pytest.mark.parametrize("words, said", [
    ({"names": "param-nrm"}, "Nearest: param-norm"),
    ({"names": 3}, "a word or several for names="),
    ({"search": "yes"}, "True or False for search="),
    ({"train": "digits", "target": "kind"}, "a table for target"),
    ({"trace": "nowhere"}, "its training examples, with a trace"),
])  # fmt: skip
def test_arguments_of_another_kind_are_refused(words, said, network):
    with pytest.raises(bh.UsageError, match=said):
        bh.measure(network[0], **words)


@pytest.mark.parametrize("model", [3, None, [1], {1: 2}])
def test_what_is_no_model_is_refused(model):
    with pytest.raises(bh.UsageError, match="a module, a state dict or the path of a checkpoint"):
        bh.measure(model)


@pytest.mark.parametrize("model, said", [
    (nn.Linear(3, 2, device="meta"), "on the device meta"),
    (nn.ReLU(), "ReLU, which has none"),
    (nn.LSTM(3, 4), "LSTM, which has none"),
    ({"w": torch.ones(3)}, "two or more axes"),
])  # fmt: skip
def test_a_network_without_values_or_layers_is_refused(model, said):
    with pytest.raises(bh.InputRefused, match=said):
        bh.measure(model)


def test_measuring_changes_neither_the_module_nor_its_mode_nor_the_random_state(network, untouched):
    model, start, train, test = network
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()
    bh.measure(model, start, train, test)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


# What is refused ----------------------------------------------------------------------------------------------------


def spoil(files):
    """Files that are not to be measured."""
    weights = net(0).state_dict()
    save_file({**weights, "2.bias": torch.full((3,), float("nan"))}, files / "nan.safetensors")
    save_file({**weights, "0.weight": torch.ones(7, 4)}, files / "other.safetensors")
    save_file({"norm.weight": torch.ones(4), "norm.bias": torch.ones(4)}, files / "flat.safetensors")
    (files / "cut.safetensors").write_bytes((files / "final.safetensors").read_bytes()[:-30])
    (files / "empty.pt").touch()
    (files / "text.pt").write_text("not weights")
    torch.save(net(0), files / "whole.pt")
    np.savez(files / "wide.npz", x=np.ones((60, 9), np.float32) * np.arange(60)[:, None], y=np.arange(60) % 3)
    np.savez(files / "many.npz", x=np.arange(240.0).reshape(60, 4), y=np.arange(60) % 4)
    holes = np.where(np.arange(240).reshape(60, 4) == 7, np.nan, np.arange(240.0).reshape(60, 4))
    np.savez(files / "holes.npz", x=holes, y=np.arange(60) % 3)
    (files / "one.csv").write_text("a,b,c,d,k\n" + "".join(f"{i},{i * i},{i % 7},{i % 5},yes\n" for i in range(40)))
    text = (files / "one.csv").read_text().splitlines()
    (files / "three.csv").write_text("\n".join([text[0], *(f"{row[:-3]}{i % 3}" for i, row in enumerate(text[1:]))]))
    np.savez(files / "values.npz", x=np.arange(240.0).reshape(60, 4), y=np.linspace(0.1, 7.3, 60))


REFUSED = [
    (["nan.safetensors"], "2.bias"),
    (["empty.pt"], "empty.pt, which is empty"),
    (["text.pt"], "text.pt, which is neither"),
    (["cut.safetensors"], "cut.safetensors, which is damaged"),
    (["whole.pt"], "None of it was run"),
    (["flat.safetensors"], "weights of two or more axes"),
    (["final.pt", "--initial", "other.safetensors"], "0.weight"),
    (["final.pt", "--initial", "nan.safetensors"], "2.bias"),
    (["net.py:make", "--weights", "other.safetensors"], "0.weight of shape (7, 4)"),
    (["net.py:make", "--initial", "other.safetensors"], "0.weight of shape (7, 4)"),
    (["net.py:wrong"], "a int from it"),
    (["net.py:needs"], "missing 1 required positional argument"),
    (["net.py:number"], "a int"),
    (["net.py:leaves"], "was called, which would end the audit"),
    (["net.py:Nan", "--train", "train.npz"], "finite scores on the examples"),
    (["net.py:make", "--train", "wide.npz"], "shape (60, 9)"),
    (["net.py:make", "--train", "many.npz"], "labels 0 to 2"),
    (["net.py:make", "--train", "values.npz"], "classifiers"),
    (["net.py:make", "--train", "empty.pt"], "empty.pt"),
    (["net.py:make", "--train", "holes.npz"], "Fill them in as you did for the model"),
    (["net.py:make", "--train", "train.npz", "--test", "holes.npz"], "Fill them in as you did for the model"),
    (["net.py:make", "--train", "three.csv", "--test", "one.csv", "--target", "k"], "give some of each, or a test as .npz"),
    (["net.py:make", "--test", "one.csv", "--target", "k"], "The classes are told from the examples"),
]
USAGE = [
    (["fnal.pt"], "Nearest in"),
    ([""], "an empty word"),
    (["net.py"], "net.py:make"),
    (["net.py:mak"], "Nearest: make"),
    (["nett.py:make"], "Nearest in"),
    (["final.pt", "--weights", "final.pt"], "FILE.py:NAME"),
    (["final.pt", "--initial", "nothing.pt"], "nothing.pt"),
    (["net.py:make", "--train", "nothing.npz"], "nothing.npz"),
    (["net.py:make", "--train", "digit"], "Nearest: digits"),
]


@pytest.mark.parametrize("words, said", REFUSED, ids=lambda one: "-".join(one) if isinstance(one, list) else "")
def test_what_cannot_be_measured_is_refused_in_a_sentence(words, said, byheart, files, short):
    spoil(files)
    short(byheart("measure", *words, "--quiet"), 3, said)


@pytest.mark.parametrize("words, said", USAGE, ids=lambda one: "-".join(one) if isinstance(one, list) else "")
def test_wrong_words_are_refused_with_the_nearest(words, said, byheart, files, short):
    short(byheart("measure", *words, "--quiet"), 2, said)


def test_probabilities_are_not_read_as_scores(network):
    model, _, (x, y), _ = network
    with pytest.raises(bh.InputRefused, match="before a softmax, got probabilities: each row sums to 1"):
        bh.measure(nn.Sequential(model, nn.Softmax(1)), train=(x, y))
    same = bh.measure(nn.Sequential(model, nn.LogSoftmax(1)), train=(x, y), names=["cross-entropy"])
    plain = bh.measure(model, train=(x, y), names=["cross-entropy"])
    assert same["cross-entropy"].value == pytest.approx(plain["cross-entropy"].value, rel=1e-6)


def test_scores_without_a_number_name_the_layer_that_has_none_either(network):
    model, _, train, _ = network
    broken = net(1)
    broken.load_state_dict(model.state_dict())
    with torch.no_grad():
        broken[2].weight[0, 0] = float("nan")
    with pytest.raises(bh.InputRefused, match=r"got NaN or infinity, which 2\.weight holds too"):
        bh.measure(broken, train=train)
