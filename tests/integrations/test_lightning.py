"""With the real library, on a tiny model; imported where it is used: it takes seconds, and every worker reads this file."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from byheart.errors import InputRefused, UsageError
from byheart.integrations import lightning as ours
from byheart.integrations.framework_recorder import Noted, note
from byheart.learners.checkpoint_file import read_checkpoint
from byheart.learners.weight_names import load_into
from byheart.maths.attribution.credit import path_credit


def test_a_noted_sampler_keeps_what_it_gave():
    noted = Noted([3, 1, 2])
    assert (list(noted), noted.take(2), noted.take(1), len(noted)) == ([3, 1, 2], [3, 1], [2], 3)
    with pytest.raises(UsageError, match="a batch of 1 examples"):
        noted.take(1)


def test_a_loader_over_other_data_is_refused():
    with pytest.raises(InputRefused, match="training data of the 4 examples"):
        note(DataLoader(TensorDataset(torch.zeros(3))), 4)
    with pytest.raises(InputRefused, match="a DataLoader in one process"):
        note([1, 2], 2)


def net(inner):
    import lightning.pytorch as pl

    class Net(pl.LightningModule):
        def __init__(self, inner):
            super().__init__()
            self.inner, self.net = inner, nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 3))

        def forward(self, x):
            return self.net(x)

        def training_step(self, batch, _):
            x, y = batch
            return F.cross_entropy(self.net(x) if self.inner else self(x), y)

        def configure_optimizers(self):
            optimizer = torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)]

    return Net(inner)


def fit(callback, module, loader, **settings):
    import lightning.pytorch as pl

    options = {"max_epochs": 2, "gradient_clip_val": 0.3} | settings
    pl.Trainer(callbacks=[callback], accelerator="cpu", logger=False, enable_checkpointing=False, barebones=False,
               enable_progress_bar=False, enable_model_summary=False, **options).fit(module, loader)  # fmt: skip


def test_a_checkpoint_of_a_trainer_comes_through_the_door_for_weights(tmp_path):
    import lightning.pytorch as pl

    module = net(True)
    module.save_hyperparameters({"width": 8, "names": ["a"]})
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False, max_epochs=1,
                         callbacks=[pl.callbacks.ModelCheckpoint(tmp_path, save_last=True)])  # fmt: skip
    trainer.fit(module, DataLoader(TensorDataset(*examples()), batch_size=10))
    found = read_checkpoint(tmp_path / "last.ckpt")
    assert found.notes[0].startswith("read: its state_dict of a Lightning checkpoint")
    target = nn.ModuleDict({"0": nn.Linear(4, 8), "3": nn.Linear(8, 3)})
    assert load_into(target, found.weights, "the weights") == ["names: without net."]
    assert torch.equal(target["3"].weight, module.net[3].weight)


def examples():
    torch.manual_seed(0)
    return torch.randn(20, 4), torch.randint(0, 3, (20,))

@pytest.mark.parametrize(("inner", "accumulate"), [(False, 1), (True, 2)])
def test_a_fit_is_recorded(inner, accumulate):
    x, y = examples()
    module = net(inner)
    callback = ours.recording_callback((x, y), module="net" if inner else "", every=2)
    loader = DataLoader(TensorDataset(x, y), batch_size=6, shuffle=True, drop_last=True)
    fit(callback, module, callback.loader(loader), accumulate_grad_batches=accumulate)
    trace = callback.trace
    assert (len(trace), len({tuple(rates) for rates in trace.rates})) == ((6, 2) if accumulate == 1 else (4, 2))
    assert min(factor for clips in trace.clips for factor in clips) < 1
    list(trace.steps())
    assert trace.drift == 0
    assert path_credit(trace, (x[:5], y[:5]), gauss=4).relative < 1e-5

def test_a_loader_that_was_not_wrapped_is_named():
    x, y = examples()
    with pytest.raises(UsageError, match=r"callback\.loader"):
        fit(ours.recording_callback((x, y)), net(False), DataLoader(TensorDataset(x, y)))
