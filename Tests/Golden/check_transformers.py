"""Loads what Retort exports with transformers: no warning, the same logits, the same greedy text.

`Scripts/check-transformers` runs it; its argument is the built tool.
"""
import logging
import pathlib
import subprocess
import sys
import tempfile
import warnings

import peft
import torch
import transformers as hf
from safetensors.torch import load_file

TOOL, MODELS = sys.argv[1], pathlib.Path(__file__).parent / "models"
CLASSES = {"bert": hf.BertModel, "bert-masked": hf.BertForMaskedLM, "distilbert": hf.DistilBertModel,
           "distilbert-masked": hf.DistilBertForMaskedLM}
torch.set_num_threads(2)
# PyTorch's own sums differ by this much between its versions and processors.
ROUNDING = 4e-6


class Complaints(logging.Handler):
    def __init__(self):
        super().__init__(logging.WARNING)
        self.texts = []

    def emit(self, record):
        self.texts.append(record.getMessage())


complaints = Complaints()
hf.utils.logging.get_logger("transformers").addHandler(complaints)
warnings.simplefilter("error")


def run(*arguments):
    return subprocess.run([TOOL, *map(str, arguments)], check=True, capture_output=True, text=True).stdout


def load(kind, folder, known=()):
    """A model in float32; `known` are warnings that its source gives as well."""
    complaints.texts.clear()
    model = kind.from_pretrained(folder, attn_implementation="eager").eval()
    surplus = set(complaints.texts) - set(known)
    assert not surplus, surplus
    return model.float()


def check_families(folder):
    for path in sorted(MODELS.iterdir()):
        golden = load_file(path / "golden.safetensors")
        kind = CLASSES.get(path.name, hf.AutoModelForCausalLM)
        complaints.texts.clear()
        kind.from_pretrained(path)
        known = list(complaints.texts)
        for precision, tolerance in [("fp32", ROUNDING), ("bf16", None), ("fp16", None)]:
            target = folder / f"{path.name}-{precision}"
            run("export", "--model", path, "--output", target, "--precision", precision, "--shard-megabytes", 1)
            model = load(kind, target, known)
            tokens = golden["tokens"].long()
            with torch.no_grad():
                if path.name in CLASSES:
                    mask = (torch.arange(tokens.shape[1])[None] < golden["lengths"][:, None]).long()
                    arguments = dict(input_ids=tokens, attention_mask=mask)
                    if "distil" not in path.name:
                        arguments["token_type_ids"] = golden["types"].long()
                    result = model(**arguments)
                    got, want = result[0] * mask[..., None], golden["result"]
                else:
                    got, want = model(tokens).logits, golden["logits"]
            error = (got - want).abs().max().item()
            assert tolerance is None or error <= tolerance, (path.name, error)
            print(f"{path.name} in {precision}: loads, largest difference {error:.1e}")


def check_training(folder):
    """A GPT-2, a Qwen2 and two Gemmas with a learnt tokenizer, trained further on a text, then continued by both."""
    text = folder / "text"
    text.write_text("\n%\n".join(f"Saying number {i}: the cat sat on mat {i % 7}." for i in range(200)))
    run("tokenizer", "train", "--data", text, "--size", 320, "--output", folder / "tokenizer")
    tokenizer = hf.AutoTokenizer.from_pretrained(folder / "tokenizer")
    ends = dict(vocab_size=len(tokenizer), bos_token_id=tokenizer.eos_token_id, eos_token_id=tokenizer.eos_token_id)
    for name, kind, config in [
        ("gpt2", hf.GPT2LMHeadModel, hf.GPT2Config(n_positions=128, n_embd=64, n_layer=2, n_head=4, **ends)),
        ("qwen2", hf.Qwen2ForCausalLM, hf.Qwen2Config(
            hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
            max_position_embeddings=128, tie_word_embeddings=True, **ends)),
        ("gemma2", hf.Gemma2ForCausalLM, hf.Gemma2Config(
            hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
            max_position_embeddings=128, sliding_window=16, query_pre_attn_scalar=16, pad_token_id=None, **ends)),
        ("gemma3", hf.Gemma3ForCausalLM, hf.Gemma3TextConfig(
            hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
            max_position_embeddings=128, sliding_window=16, query_pre_attn_scalar=16, pad_token_id=None,
            layer_types=["sliding_attention", "full_attention"], **ends)),
    ]:
        torch.manual_seed(1)
        kind(config).save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
        run("train", "--model", folder / name, "--data", text, "--run", folder / f"{name}-run", "--set", "model.steps=60",
            "--set", "model.learning_rate=0.003", "--set", "data.sequence_length=32", "--set", "training.batch_size=8")
        trained = folder / f"{name}-run" / "model"
        model, words = load(hf.AutoModelForCausalLM, trained), hf.AutoTokenizer.from_pretrained(trained)
        prompt = "Saying number"
        ids = words(prompt, return_tensors="pt")
        out = model.generate(**ids, max_new_tokens=64, do_sample=False, pad_token_id=words.eos_token_id)
        theirs = words.decode(out[0], skip_special_tokens=True)
        ours = run("generate", "--model", trained, "--prompt", prompt, "--count", 64, "--temperature", 0)[:-1]
        assert ours == theirs, (ours, theirs)
        print(f"{name}, trained further: both continue {ours!r}")
        check_adapter(folder, name, text, words, prompt)
        # `transformers` takes every GPT-2 file to have 1,024 positions; of two layers of Gemma 3 GGUF would say that both slide.
        if name in ("qwen2", "gemma2"):
            check_gguf(folder, name, trained, prompt)


def check_adapter(folder, name, text, words, prompt):
    """An adapter that Retort trains, as PEFT loads it: the same text as Retort's own, as an addition and merged."""
    run("train", "--model", folder / name, "--lora", 8, "--data", text, "--run", folder / f"{name}-adapter", "--set", "model.steps=60",
        "--set", "model.learning_rate=0.02", "--set", "data.sequence_length=32", "--set", "training.batch_size=8", "--force")
    adapter, merged = folder / f"{name}-adapter" / "model", folder / f"{name}-merged"
    run("export", "--model", adapter, "--output", merged)
    ids = words(prompt, return_tensors="pt")
    texts = [run("generate", "--model", path, "--prompt", prompt, "--count", 32, "--temperature", 0)[:-1] for path in (adapter, merged)]
    base = load(hf.AutoModelForCausalLM, folder / name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with_adapter = peft.PeftModel.from_pretrained(base, adapter).eval()
    for model in (with_adapter, load(hf.AutoModelForCausalLM, merged)):
        out = model.generate(**ids, max_new_tokens=32, do_sample=False, pad_token_id=words.eos_token_id)
        texts.append(words.decode(out[0], skip_special_tokens=True))
    plain = run("generate", "--model", folder / name, "--prompt", prompt, "--count", 32, "--temperature", 0)[:-1]
    assert len(set(texts)) == 1 and texts[0] != plain, (texts, plain)
    print(f"{name}, an adapter: PEFT and Retort, apart and merged, continue {texts[0]!r}")


def check_gguf(folder, name, trained, prompt):
    """A GGUF file that Retort writes, as `transformers` reads it: the same greedy text."""
    for form in ["f32", "q8_0"]:
        file = f"{name}-{form}.gguf"
        run("export", "--model", trained, "--gguf", form, "--output", folder / file)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            words = hf.AutoTokenizer.from_pretrained(folder, gguf_file=file)
            model = hf.AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32, attn_implementation="eager").eval()
        out = model.generate(**words(prompt, return_tensors="pt"), max_new_tokens=32, do_sample=False)
        theirs = words.decode(out[0], skip_special_tokens=True)
        ours = run("generate", "--model", folder / file, "--prompt", prompt, "--count", 32, "--temperature", 0)[:-1]
        assert ours == theirs, (form, ours, theirs)
        print(f"{name} as a GGUF file in {form}: both continue {ours!r}")


with tempfile.TemporaryDirectory() as name:
    check_families(pathlib.Path(name))
    check_training(pathlib.Path(name))
print("transformers loads everything without a warning")
