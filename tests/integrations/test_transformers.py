"""With the real library, on a tiny model made from a configuration; imported where it is used, as it takes a second."""

import numpy as np
import pytest
import torch

from byheart.errors import InputRefused, UsageError
from byheart.integrations import transformers as hf
from byheart.integrations.framework_recorder import library
from byheart.maths.attribution.credit import path_credit


def test_a_library_that_is_not_there_is_named_with_its_extra():
    with pytest.raises(UsageError, match=r'nowhere to be installed.*pip install "byheart\[hf\]"'):
        library("nowhere", "hf")


def test_next_token_is_the_mean_of_what_is_counted():
    logits = torch.tensor([[[2.0, 0.0], [0.0, 0.0], [5.0, 5.0]]])
    expected = torch.log1p(torch.exp(torch.tensor(-2.0)))
    assert torch.allclose(hf.next_token(logits, torch.tensor([[1, 0, -100]])), expected)


class Rows(torch.utils.data.Dataset):
    def __init__(self, x, y, key="labels"):
        self.x, self.y, self.key = x, y, key

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return {name: value[i] for name, value in self.x.items()} | {self.key: self.y[i]}

def classifier():
    import transformers

    torch.manual_seed(0)
    config = transformers.BertConfig(vocab_size=20, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                                     intermediate_size=16, max_position_embeddings=12, num_labels=3)  # fmt: skip
    return transformers.BertForSequenceClassification(config)

def trained(model, x, y, callback, folder, **settings):
    import transformers

    options = {"per_device_train_batch_size": 8, "max_steps": 5, "learning_rate": 1e-2, "weight_decay": 0.1,
               "max_grad_norm": 0.5, "gradient_accumulation_steps": 2} | settings  # fmt: skip
    args = transformers.TrainingArguments(output_dir=str(folder), report_to=[], use_cpu=True, disable_tqdm=True,
                                          save_strategy="no", logging_strategy="no", **options)  # fmt: skip
    trainer = transformers.Trainer(model, args, train_dataset=Rows(x, y), callbacks=[callback])
    trainer.train()
    return trainer

def sentences(rng, n=24):
    ids = torch.from_numpy(rng.integers(1, 20, (n, 6)))
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}, torch.from_numpy(rng.integers(0, 3, n))

def test_a_trainer_is_recorded_with_dropout_clipping_groups_and_accumulation(rng, tmp_path):
    x, y = sentences(rng)
    model, callback = classifier(), hf.recording_callback((x, y), every=2)
    trained(model, x, y, callback, tmp_path)
    trace = callback.trace
    assert (len(trace), len(trace.parts[0]), len(trace.recipe.groups), trace.recipe.kind) == (5, 2, 2, "AdamW")
    assert min(factor for clips in trace.clips for factor in clips) < 1
    assert torch.equal(trace.weights(5), trace.layout.flat(dict(model.named_parameters())))
    list(trace.steps())
    assert trace.drift == 0  # every second step was made again, bit for bit
    credit = path_credit(trace, ({name: value[:4] for name, value in x.items()}, y[:4]), gauss=2, tolerance=None)
    assert credit.relative < 1e-2
    assert 0 < credit.coverage["autograd"] < 0.3  # positions and token types do not have the examples first

def test_a_causal_model_is_recorded(rng, tmp_path):
    torch.manual_seed(0)
    import transformers

    config = transformers.GPT2Config(vocab_size=16, n_positions=8, n_embd=16, n_layer=1, n_head=2)
    model, ids = transformers.GPT2LMHeadModel(config), torch.from_numpy(rng.integers(0, 16, (12, 6)))
    callback = hf.recording_callback(({"input_ids": ids}, ids), loss=hf.next_token)
    trained(model, {"input_ids": ids}, ids, callback, tmp_path, max_steps=3, gradient_accumulation_steps=1)
    last = path_credit(callback.trace, ({"input_ids": ids[:2]}, ids[:2, 0]), target=lambda z: z[:, -1, 3], gauss=4)
    assert last.relative < 1e-3
    assert np.isfinite(last.examples).all()

def test_a_wrong_loss_is_found_out_in_training(rng, tmp_path):
    x, y = sentences(rng)
    callback = hf.recording_callback((x, y.roll(1)))
    with pytest.raises(InputRefused, match=r"step 0: loss= over examples= to reproduce the gradient"):
        trained(classifier(), x, y, callback, tmp_path)
