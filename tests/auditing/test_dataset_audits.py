"""Audits of datasets and loaders: spies see what the user's module and training receive."""

import numpy as np
import torch
from sklearn.tree import DecisionTreeClassifier
from torch.utils.data import DataLoader, TensorDataset

import byheart as bh
from byheart.auditing.given import arrays_from, collected, from_file, with_batch_of
from byheart.auditing.request import make_request
from byheart.learners.torch_module import FromFactory
from byheart.records.options import Options

N = 120
X = torch.randn(N, 5, generator=torch.Generator().manual_seed(1))
Y = (X[:, 0] > 0).long()
QUIET = {"members": 8, "say": lambda line: None, "device": "cpu"}


class Spy(torch.nn.Module):
    """Keeps what it is called on; its members cannot be batched, for numpy is asked."""

    received = []

    def __init__(self):
        super().__init__()
        self.last = torch.nn.Linear(5, 2)

    def forward(self, x):
        Spy.received.append((self.training, x.detach().numpy().copy()))
        return self.last(x)


def doubled(items):
    return torch.stack([x * 2 for x, _ in items]), torch.tensor([int(y) for _, y in items])


def test_the_module_is_called_on_what_the_collate_gives_in_batches_of_the_loader():
    Spy.received.clear()
    loader = DataLoader(TensorDataset(X, Y), batch_size=12, shuffle=True, collate_fn=doubled)
    found = bh.audit(loader, test=TensorDataset(2 * X[:30] + 1, Y[:30]), model=Spy, settings={"epochs": 2}, **QUIET)
    rows = {tuple(row) for row in (2 * X).tolist()}
    trained = [x for training, x in Spy.received if training]
    assert {x.dtype for x in trained} == {np.dtype(np.float32)}
    assert {tuple(row) for x in trained for row in x.tolist()} == rows
    assert max(map(len, trained)) == 12
    assert found.findings["generalization/gap"].status == "measured"


def test_ones_own_batch_size_comes_before_the_loaders():
    read = collected(DataLoader(TensorDataset(X, Y), batch_size=12), None, say=lambda line: None)[0]
    learner = with_batch_of(read, FromFactory.of(Spy))
    task = arrays_from(read, None, {})
    for settings, batch in ({}, 12), ({"batch": 30}, 30):
        assert make_request(task, learner, Options(settings=settings, jobs=1), "").subject.learner.batch == batch


def test_training_of_ones_own_gets_tensors():
    received = []

    def fit(x, y, seed):
        received.append((x, y))
        return lambda new: torch.stack([-new[:, 0], new[:, 0]], 1)

    bh.audit(TensorDataset(X, Y), fit=fit, **QUIET)
    x, y = received[0]
    assert (x.dtype, y.dtype) == (torch.float32, torch.int64)
    places = (x[:, None] == X[None]).all(2).float().argmax(1)
    assert torch.equal(X[places], x)
    assert torch.equal(Y[places], y)


def test_an_estimator_is_audited_on_a_dataset_with_names():
    class Rows:
        def __len__(self):
            return N

        def __getitem__(self, i):
            return {"x": X[i].numpy(), "label": int(Y[i]), "id": f"patient-{i}"}

    found = bh.audit(Rows(), model=DecisionTreeClassifier(), **QUIET)
    assert "patient-" in str(found.to_dict())


FILE = """
import torch
from torch.utils.data import DataLoader, TensorDataset

x = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
data = DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), batch_size=5)
test = TensorDataset(x[:20] + 1, (x[:20, 0] > 0).long())

def model():
    return torch.nn.Linear(3, 2)
"""


def test_a_file_may_define_data_and_a_model(tmp_path):
    (tmp_path / "my_audit.py").write_text(FILE)
    said = []
    found = from_file(tmp_path / "my_audit.py", {}, "auto", said.append)
    assert found.learner.batch == 5
    assert [len(view) for view in found.task.draw(0).views.values()] == [60, 20]
    assert said == ["reading 60 items of TensorDataset", "reading 20 items of TensorDataset"]
