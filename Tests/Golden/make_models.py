"""Writes small models of every family with transformers, with what they compute, into models/.

Run: python3 -m venv venv && venv/bin/pip install torch transformers && venv/bin/python make_models.py
Names of models after it write these alone.
"""
import json
import pathlib
import shutil
import sys

import torch
import transformers as hf
from safetensors.torch import save_file

FOLDER = pathlib.Path(__file__).parent / "models"
SIZES = dict(vocab_size=37, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
             max_position_embeddings=96, bos_token_id=1, eos_token_id=None, pad_token_id=None)
LLAMA3 = dict(rope_type="llama3", rope_theta=500.0, factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=16)
YARN = dict(rope_type="yarn", rope_theta=1000.0, factor=4.0, original_max_position_embeddings=24)
SMALL_BERT = dict(vocab_size=41, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
                  max_position_embeddings=20)

CAUSAL = {
    "gpt2-tied": hf.GPT2Config(vocab_size=37, n_positions=96, n_embd=16, n_layer=2, n_head=2),
    "gpt2-untied": hf.GPT2Config(vocab_size=29, n_positions=96, n_embd=12, n_layer=1, n_head=3, n_inner=20,
                                 activation_function="gelu", tie_word_embeddings=False),
    "llama-untied": hf.LlamaConfig(**SIZES, num_key_value_heads=4, tie_word_embeddings=False),
    "llama-linear": hf.LlamaConfig(**SIZES, num_key_value_heads=2, tie_word_embeddings=True,
                                   rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=2.5)),
    "llama-llama3": hf.LlamaConfig(**SIZES, num_key_value_heads=1, head_dim=8, rope_parameters=LLAMA3),
    "llama-biases": hf.LlamaConfig(**SIZES, num_key_value_heads=2, attention_bias=True, mlp_bias=True,
                                   rope_parameters=YARN),
    "mistral-window": hf.MistralConfig(**SIZES, num_key_value_heads=2, sliding_window=5),
    "qwen2-tied": hf.Qwen2Config(**SIZES, num_key_value_heads=2, tie_word_embeddings=True),
    "qwen2-window": hf.Qwen2Config(**SIZES, num_key_value_heads=2, use_sliding_window=True, sliding_window=4,
                                   max_window_layers=1),
    "qwen3": hf.Qwen3Config(**SIZES, num_key_value_heads=2, head_dim=8, tie_word_embeddings=True),
    "qwen3-biases": hf.Qwen3Config(**SIZES, num_key_value_heads=1, head_dim=6, attention_bias=True,
                                   rope_parameters=YARN | dict(truncate=False, attention_factor=0.9)),
    # Caps and windows so small that most numbers feel them.
    "gemma2": hf.Gemma2Config(**SIZES | dict(num_hidden_layers=3), num_key_value_heads=2, head_dim=8, sliding_window=5,
                              query_pre_attn_scalar=11, attn_logit_softcapping=2.0, final_logit_softcapping=3.0),
    "gemma2-uncapped": hf.Gemma2Config(**SIZES, num_key_value_heads=1, head_dim=6, sliding_window=4, attention_bias=True,
                                       attn_logit_softcapping=None, final_logit_softcapping=None,
                                       layer_types=["full_attention", "sliding_attention"],
                                       tie_word_embeddings=False),
    "gemma3": hf.Gemma3TextConfig(**SIZES | dict(num_hidden_layers=3), num_key_value_heads=2, head_dim=8, sliding_window=5,
                                  query_pre_attn_scalar=11,
                                  layer_types=["sliding_attention", "full_attention", "sliding_attention"],
                                  rope_parameters=dict(full_attention=dict(rope_type="linear", rope_theta=5000.0, factor=2.0),
                                                       sliding_attention=dict(rope_type="default", rope_theta=100.0))),
    "gemma3-old": hf.Gemma3TextConfig(**SIZES, num_key_value_heads=1, head_dim=6, sliding_window=4,
                                      layer_types=["full_attention", "sliding_attention"], final_logit_softcapping=4.0,
                                      rope_parameters=dict(full_attention=dict(rope_type="default", rope_theta=2000.0),
                                                           sliding_attention=dict(rope_type="default", rope_theta=50.0))),
}
ENCODERS = {
    "bert": (hf.BertModel, hf.BertConfig(**SMALL_BERT)),
    "bert-masked": (hf.BertForMaskedLM, hf.BertConfig(**SMALL_BERT, hidden_act="gelu_new", type_vocab_size=3)),
    "distilbert": (hf.DistilBertModel, hf.DistilBertConfig(vocab_size=41, dim=16, hidden_dim=24, n_layers=2, n_heads=2,
                                                           max_position_embeddings=20)),
    "distilbert-masked": (hf.DistilBertForMaskedLM, hf.DistilBertConfig(
        vocab_size=41, dim=16, hidden_dim=24, n_layers=1, n_heads=4, max_position_embeddings=20, activation="relu")),
}


def shake(model):
    """Weights large enough that no two numbers agree by chance, biases and gains too."""
    torch.manual_seed(11)
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.add_(torch.randn_like(p) * (0.3 if p.dim() > 1 else 0.1))
    return model.float().eval()


def finish(name, model, out, **options):
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    for key, p in model.named_parameters():
        out["gradient." + key] = torch.zeros_like(p) if p.grad is None else p.grad
    model.save_pretrained(folder, **options)
    save_file({k: v.detach().contiguous().to(torch.float32 if v.is_floating_point() else torch.int32)
               for k, v in out.items()}, folder / "golden.safetensors")
    (folder / "generation_config.json").unlink(missing_ok=True)


def causal(name, config):
    config._attn_implementation = "eager"
    model = shake(hf.AutoModelForCausalLM.from_config(config))
    tokens = torch.randint(0, config.vocab_size, (2, 12))
    labels = torch.randint(0, config.vocab_size, (2, 12))
    result = model(tokens, output_hidden_states=True)
    logits = result.logits
    torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten()).backward()
    with torch.no_grad():
        prompt = tokens[:1, :7]
        # Without a mask, a token that is the padding's would not be seen.
        generated = model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=64, do_sample=False,
                                   eos_token_id=None, pad_token_id=0)
    out = dict(tokens=tokens, labels=labels, logits=logits, generated=generated[0])
    out |= {f"hidden.{i}": h for i, h in enumerate(result.hidden_states)}
    # One of them is stored in several files, as large models are.
    finish(name, model, out, **(dict(max_shard_size="8KB") if name == "llama-untied" else {}))


def encoder(name, kind, config):
    config._attn_implementation = "eager"
    model = shake(kind(config))
    # Token 0 pads: PyTorch's table gives its row no gradient.
    tokens = torch.randint(1, config.vocab_size, (3, 9))
    types = torch.randint(0, getattr(config, "type_vocab_size", 1), (3, 9))
    lengths = torch.tensor([9, 4, 1])
    mask = (torch.arange(9)[None] < lengths[:, None]).long()
    arguments = dict(input_ids=tokens, attention_mask=mask, output_hidden_states=True)
    if "distil" not in name:
        arguments["token_type_ids"] = types
    result = model(**arguments)
    last = result.logits if hasattr(result, "logits") else result.last_hidden_state
    weight = torch.randn(last.shape) * mask[..., None]
    (last * weight).sum().backward()
    out = dict(tokens=tokens, types=types, lengths=lengths, weight=weight, result=last * mask[..., None])
    out |= {f"hidden.{i}": h * mask[..., None] for i, h in enumerate(result.hidden_states)}
    finish(name, model, out)


def aged(name, change):
    """A configuration as transformers wrote it before version 5."""
    path = FOLDER / name / "config.json"
    old = json.loads(path.read_text())
    change(old, old.pop("rope_parameters"))
    old["torch_dtype"] = old.pop("dtype")
    path.write_text(json.dumps(old, indent=2) + "\n")


def llama3(old, scaling):
    old["rope_theta"] = scaling.pop("rope_theta")
    old["rope_scaling"] = scaling


def gemma3(old, scaling):
    old["rope_theta"] = scaling["full_attention"]["rope_theta"]
    old["rope_local_base_freq"] = scaling["sliding_attention"]["rope_theta"]


wanted = sys.argv[1:] or [*CAUSAL, *ENCODERS]
for name in wanted:
    if name in CAUSAL:
        causal(name, CAUSAL[name])
    else:
        encoder(name, *ENCODERS[name])
    if name == "llama-llama3":
        aged(name, llama3)
    if name == "gemma3-old":
        aged(name, gemma3)
