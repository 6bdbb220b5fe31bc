"""Distillation in PyTorch: TRL's divergence on random logits, and twenty steps of training; into distillation.safetensors.

Run: python3 -m venv venv && venv/bin/pip install torch transformers trl && venv/bin/python make_distillation.py
"""
import math
import pathlib

import torch
import torch.nn.functional as F
import transformers as hf
from safetensors.torch import save_file

try:
    from trl.trainer.gkd_trainer import GKDTrainer
except ImportError:
    from trl.experimental.gkd import GKDTrainer

FOLDER = pathlib.Path(__file__).parent
torch.manual_seed(17)
divergence = GKDTrainer.generalized_jsd_loss
out = {}

# TRL's divergence: masked rows, the divisor of the whole step over micro-batches of unequal size.
rows, classes = 24, 33
student, teacher = 2 * torch.randn(rows, classes), 2 * torch.randn(rows, classes)
labels = torch.randint(0, classes, (rows,))
labels[torch.rand(rows) < 0.3] = -100
out |= dict(student=student, teacher=teacher, labels=labels.clamp(min=-1).int())
count = (labels != -100).sum()
for beta in [0, 0.3, 0.5, 1]:
    for temperature in [1.0, 2.0]:
        z = student.clone().requires_grad_()
        parts = [divergence(z[a:b], teacher[a:b], labels[a:b], beta=beta, temperature=temperature, num_items_in_batch=count)
                 for a, b in [(0, 3), (3, 17), (17, rows)]]
        loss = sum(parts)
        loss.backward()
        out[f"trl.{beta}.{temperature:.0f}.loss"] = loss.detach().reshape(1)
        out[f"trl.{beta}.{temperature:.0f}.gradient"] = z.grad

# Twenty steps: alpha CE + (1 - alpha) T^2 D, AdamW on matrices with decay, warm-up and half a cosine, clipping.
STEPS, BATCH, LENGTH = 20, 4, 12
tokens = torch.randint(0, 37, (STEPS, BATCH, LENGTH + 1))
masked = torch.rand(STEPS, BATCH, LENGTH) < 0.2
out |= dict(tokens=tokens.int(), masked=masked.int())
RATE, WARMUP, DECAY, ALPHA = 3e-3, 5, 0.1, 0.3


# Retort's schedule of STEPS + 1 steps, of which the last is not done.
def rate(step):
    if step < WARMUP:
        return RATE * (step + 1) / WARMUP
    return RATE * (0.1 + 0.9 * (1 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP))) / 2)


def load(name):
    return hf.AutoModelForCausalLM.from_pretrained(FOLDER / "models" / name, attn_implementation="eager").float().eval()


for own, given in [("gpt2-tied", "qwen2-tied"), ("llama-untied", "qwen3")]:
    for name, beta, temperature in [("forward_kl", 0, 2.0), ("jsd", 0.3, 1.0)]:
        model, frozen = load(own), load(given)
        matrices = [p for p in model.parameters() if p.dim() >= 2]
        others = [p for p in model.parameters() if p.dim() < 2]
        optimizer = torch.optim.AdamW([dict(params=matrices, weight_decay=DECAY), dict(params=others, weight_decay=0.0)],
                                      lr=RATE, betas=(0.9, 0.95), eps=1e-8)
        losses = []
        for step in range(STEPS):
            x, y = tokens[step, :, :-1], tokens[step, :, 1:].clone()
            y[masked[step]] = -100
            z = model(x).logits
            with torch.no_grad():
                t = frozen(x).logits
            flat = y.flatten()
            n = (flat != -100).sum()
            ce = F.cross_entropy(z.flatten(0, 1), flat, ignore_index=-100, reduction="sum") / n
            d = divergence(z.flatten(0, 1), t.flatten(0, 1), flat, beta=beta, temperature=temperature, num_items_in_batch=n)
            loss = ALPHA * ce + (1 - ALPHA) * temperature**2 * d
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for group in optimizer.param_groups:
                group["lr"] = rate(step)
            optimizer.step()
            losses.append(loss.item())
        out[f"steps.{own}.{name}"] = torch.tensor(losses)
        print(own, name, losses[0], losses[-1])
save_file({k: v.contiguous().float() if v.is_floating_point() else v.contiguous() for k, v in out.items()},
          FOLDER / "distillation.safetensors")
