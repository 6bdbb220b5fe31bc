"""Writes adapters of small models with PEFT, with what they compute, into adapters/.

Run: python3 -m venv venv && venv/bin/pip install torch transformers peft && venv/bin/python make_adapters.py
"""
import json
import pathlib
import shutil

import peft
import torch
import transformers as hf
from safetensors.torch import load_file, save_file

HERE = pathlib.Path(__file__).parent
ADAPTERS = {
    "qwen2-tied": dict(r=4, lora_alpha=8, target_modules="all-linear"),
    "gpt2-tied": dict(r=3, lora_alpha=5, target_modules=["c_attn", "c_proj", "c_fc"], fan_in_fan_out=True),
    "gemma2": dict(r=2, lora_alpha=6, target_modules=["q_proj", "v_proj", "down_proj"], use_rslora=True),
}

for name, options in ADAPTERS.items():
    torch.manual_seed(len(name))
    base = hf.AutoModelForCausalLM.from_pretrained(HERE / "models" / name, attn_implementation="eager").float()
    model = peft.get_peft_model(base, peft.LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, **options))
    for key, weight in model.named_parameters():
        if "lora_" in key:
            torch.nn.init.normal_(weight, std=0.3)
    tokens = load_file(HERE / "models" / name / "golden.safetensors")["tokens"].long()
    logits = model(tokens).logits
    loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten(), reduction="sum")
    loss.backward()
    golden = {"tokens": tokens.int(), "logits": logits.detach(), "loss": loss.detach().reshape(1)}
    for key, weight in model.named_parameters():
        if weight.grad is not None:
            golden["grad." + key.replace(".default", "")] = weight.grad
    folder = HERE / "adapters" / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    config = json.loads((folder / "adapter_config.json").read_text())
    config["target_modules"] = sorted(config["target_modules"])
    config["base_model_name_or_path"] = f"../../models/{name}"
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    save_file({key: value.contiguous() for key, value in golden.items()}, folder / "golden.safetensors")
    print(name, float(loss))
