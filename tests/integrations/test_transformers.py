"""With the real library, on a tiny model made from a configuration; imported where it is used, as it takes a second."""

import json
import sys

import numpy as np
import pytest
import torch

import byheart as bh
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


# A folder that save_pretrained wrote, measured -----------------------------------------------------------------------


def folders(name, folder):
    """A tiny model and the folder it is saved in."""
    import transformers

    torch.manual_seed(0)
    if name == "bert":
        model = classifier()
    elif name == "llama":  # tied, in half precision
        config = transformers.LlamaConfig(vocab_size=16, hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2,
                                          num_key_value_heads=1, tie_word_embeddings=True)  # fmt: skip
        model = transformers.LlamaForCausalLM(config).to(torch.bfloat16)
    else:  # weights are stored under other names than the model has
        config = transformers.ViTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=8,
                                        patch_size=4, num_channels=1, num_labels=3)  # fmt: skip
        model = transformers.ViTForImageClassification(config)
    model.save_pretrained(folder)
    return model.eval()

@pytest.mark.parametrize("name", ["bert", "llama", "vit"])
def test_a_folder_is_measured_as_the_model_it_was_saved_from(name, tmp_path, untouched):
    with torch.random.fork_rng(devices=[]):
        model = folders(name, tmp_path / name)
    found, own = bh.measure(tmp_path / name), bh.measure(model)
    assert found.to_dict()["model"]["architecture"] is True
    assert found.to_dict()["model"]["parameters"] == sum(value.numel() for value in model.parameters())
    assert own.measures == found.measures
    assert {"param-norm", "prod-of-spec"} <= set(found.to_dict()["measures"])

def test_a_folder_with_examples(tmp_path, rng):
    model = folders("bert", tmp_path / "bert")
    ids, y = torch.from_numpy(rng.integers(1, 20, (24, 6))), torch.from_numpy(np.arange(24) % 3)
    found = bh.measure(tmp_path / "bert", train=(ids, y))
    with torch.no_grad():
        right = (model(ids).logits.argmax(1) == y).double().mean()
    assert found.scores["train_accuracy"].value == float(right)
    assert found["cross-entropy"].applicable
    assert not found["path-norm"].applicable  # attention
    model.config.id2label = {0: "no", 1: "yes", 2: "maybe"}  # not the order of the words
    words = np.array(["no", "yes", "maybe"])[y.numpy()]
    assert bh.measure(model, train=(ids, words)).scores == found.scores

def test_a_folder_whose_architecture_cannot_be_had_has_the_measures_of_weights(tmp_path, monkeypatch):
    folder = tmp_path / "bert"
    folders("bert", folder)
    config = json.loads((folder / "config.json").read_text())

    def lacking(**changes):
        (folder / "config.json").write_text(json.dumps({**config, **changes}))
        found = bh.measure(folder).to_dict()
        assert found["model"]["architecture"] is False
        assert found["measures"]["param-norm"]["value"] > 0
        return found["model"]["lacking"]

    (folder / "model.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    assert "code in the folder" in lacking(auto_map={"AutoModel": "model.Own"})
    assert not (tmp_path / "ran").exists()
    assert "Nothing" in lacking(architectures=["Nothing"])
    assert "'os'" in lacking(architectures=["os"])
    assert "no architecture" in lacking(architectures=None)
    assert "weights of BertForMaskedLM are missing" in lacking(architectures=["BertForMaskedLM"])
    assert "cannot be made" in lacking(hidden_size=24)
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert 'pip install "byheart[hf]"' in lacking()
    (folder / "config.json").write_text("[")
    with pytest.raises(InputRefused, match=r"config\.json"):
        bh.measure(folder)
