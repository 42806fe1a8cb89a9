"""Every task of ours keeps the promises of `byheart.tasks.base`."""

import numpy as np
import polars
import pytest

from byheart.tasks.arrays import Arrays
from byheart.tasks.autoregression import Autoregression
from byheart.tasks.digits import Digits
from byheart.tasks.embedded_series import Sunspots
from byheart.tasks.fashion import Fashion
from byheart.tasks.frames.frame import Frame
from byheart.tasks.in_phases import InPhases
from byheart.tasks.isotropic import Isotropic
from byheart.tasks.label_noise import Flipped
from byheart.tasks.modular import Modular
from byheart.tasks.randomness import Randomness
from byheart.tasks.recall import Addition, CopyMemory, Multiplication, SequentialDigits
from byheart.tasks.systems.observed_flows import ObservedLorenz63
from byheart.tasks.systems.observed_maps import ObservedIkeda
from byheart.tasks.table import Table
from byheart.tasks.two_scales import TwoScales
from byheart.tasks.validated import Validated
from byheart.testing.tasks import TaskSuite


class TestFashion(TaskSuite):
    draws = False

    @pytest.fixture
    def task(self):
        return Fashion(n=200, n_test=100)


class TestDigits(TaskSuite):
    @pytest.fixture
    def task(self):
        return Digits(n=300)


class TestModular(TaskSuite):
    @pytest.fixture
    def task(self):
        return Modular(p=13)


class TestAutoregression(TaskSuite):
    @pytest.fixture
    def task(self):
        return Autoregression(n=40, n_test=20)


class TestSunspots(TaskSuite):
    draws = False

    @pytest.fixture
    def task(self):
        return Sunspots()


class TestIsotropic(TaskSuite):
    @pytest.fixture
    def task(self):
        return Isotropic(n=60, n_test=30, d=7)


class TestIsotropicOnASphere(TaskSuite):
    @pytest.fixture
    def task(self):
        return Isotropic(n=60, n_test=30, d=7, inputs="sphere")


class TestTwoScales(TaskSuite):
    @pytest.fixture
    def task(self):
        return TwoScales(n=60, n_test=30, fast=6, slow=2)


class TestRandomness(TaskSuite):
    @pytest.fixture
    def task(self):
        return Randomness(n=100, n_test=30)


class TestAddition(TaskSuite):
    @pytest.fixture
    def task(self):
        return Addition(n=30, n_test=20, length=20, published="hochreiter1997")


class TestMultiplication(TaskSuite):
    @pytest.fixture
    def task(self):
        return Multiplication(n=30, n_test=20, length=20)


class TestCopyMemory(TaskSuite):
    @pytest.fixture
    def task(self):
        return CopyMemory(n=30, n_test=20, length=5)


class TestSequentialDigits(TaskSuite):
    @pytest.fixture
    def task(self):
        return SequentialDigits(n=100)


class TestObservedFlow(TaskSuite):
    @pytest.fixture
    def task(self):
        return ObservedLorenz63(n=150, n_test=40, n_validation=40, window=4, observed="x,y", noise=0.05)


class TestObservedMap(TaskSuite):
    @pytest.fixture
    def task(self):
        return ObservedIkeda(n=150, n_test=40, window=4, starts=2)


class TestFlippedDigits(TaskSuite):
    @pytest.fixture
    def task(self):
        return Flipped(task=Digits(n=300), share=0.2)


class TestFlippedModular(TaskSuite):
    """A truth beneath the noise."""

    @pytest.fixture
    def task(self):
        return Flipped(task=Modular(p=13), share=0.2)


class TestInPhases(TaskSuite):
    @pytest.fixture
    def task(self):
        return InPhases(task=Digits(n=300), phases=3)


class TestValidated(TaskSuite):
    @pytest.fixture
    def task(self):
        return Validated(task=Digits(n=300))


class TestArrays(TaskSuite):
    draws = False

    @pytest.fixture
    def task(self):
        source = np.random.default_rng(0)
        return Arrays.of(source.normal(size=(100, 3)), source.choice(["cat", "dog"], size=100))


class TestArraysOfValues(TaskSuite):
    draws = False

    @pytest.fixture
    def task(self):
        source = np.random.default_rng(0)
        x = source.normal(size=(100, 3))
        return Arrays.of(x[:80], x[:80].sum(axis=1), x[80:], x[80:].sum(axis=1))


class TestTable(TaskSuite):
    draws = False

    @pytest.fixture
    def task(self, tmp_path):
        source = np.random.default_rng(0)
        rows = ["size,colour,when,kind"]
        for size, colour, day in zip(
            source.normal(size=90), source.choice(["red", "blue", ""], 90), source.integers(1, 29, 90)
        ):
            rows.append(f"{size:.4f},{colour},2024-02-{day:02d},{'big' if size > 0 else 'small'}")
        path = tmp_path / "things.csv"
        path.write_text("\n".join(rows))
        return Table.of(path, "kind")


class TestFrame(TaskSuite):
    draws = False

    @pytest.fixture
    def task(self):
        source = np.random.default_rng(0)
        columns = {"size": source.normal(size=90), "colour": source.choice(["red", "blue"], 90)}
        return Frame.of(polars.DataFrame({**columns, "kind": source.choice(["big", "small"], 90)}), "kind")
