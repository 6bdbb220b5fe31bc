"""Writes optimizers.safetensors: steps of AdamW with moments of 8 bits, by bitsandbytes' formula, of Adafactor and of Muon.

Run: python3 -m venv venv && venv/bin/pip install torch transformers bitsandbytes && venv/bin/python make_optimizers.py
"""
import os

import torch
from bitsandbytes import functional
from safetensors.torch import save_file
from transformers.optimization import Adafactor

HERE = os.path.dirname(os.path.abspath(__file__))
MAPS = [functional.create_dynamic_map(signed=True), functional.create_dynamic_map(signed=False)]
torch.manual_seed(8)
start = torch.randn(1000)
gradients = torch.randn(20, 1000) * torch.logspace(-3, 1, 1000)


def rounded(x, table, signed):
    """Every number as its code says it, in blocks of 256."""
    out = torch.empty_like(x)
    for first in range(0, len(x), 256):
        block = x[first : first + 256]
        scale = block.abs().max()
        part = block / scale if scale > 0 else block
        code = torch.bucketize(part, (table[1:] + table[:-1]) / 2)
        if signed:
            wrong = (table[code] < 0) != (part < 0)
            code = torch.where(wrong, code + torch.where(part > 0, 1, -1), code)
        out[first : first + 256] = table[code] * scale
    return out


def train(narrow, rate=0.01, b1=0.9, b2=0.95, epsilon=1e-8, decay=0.1):
    p, m, v = start.clone(), torch.zeros(1000), torch.zeros(1000)
    for t, g in enumerate(gradients, 1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        size = (v / (1 - b2**t)).sqrt() + epsilon
        p = p - rate * (m / (1 - b1**t) / size + decay * p)
        if narrow:
            m, v = rounded(m, MAPS[0], True), rounded(v, MAPS[1], False)
    return p


out = {"parameter": start, "gradients": gradients, "after": train(True), "exact": train(False)}

# Matrices and a vector, five steps of rate 0.02.
SHAPES = {"layers.0.wide": (5, 12), "layers.0.tall": (9, 4), "layers.0.bias": (7,)}
for name, shape in SHAPES.items():
    out[f"{name}.start"] = torch.randn(shape)
    out[f"{name}.gradients"] = torch.randn(5, *shape) * 0.3
    p = out[f"{name}.start"].clone().requires_grad_()
    optimizer = Adafactor([p], lr=0.02, scale_parameter=False, relative_step=False, weight_decay=0.1 if len(shape) > 1 else 0)
    for g in out[f"{name}.gradients"]:
        p.grad = g.clone()
        optimizer.step()
    out[f"{name}.adafactor"] = p.detach()
    if len(shape) == 1:
        continue
    # torch.optim.Muon's formula with rates that match AdamW's, its iterations in single precision.
    p, m = out[f"{name}.start"].clone(), torch.zeros(shape)
    for g in out[f"{name}.gradients"]:
        m = m.lerp(g, 1 - 0.95)
        x = g.lerp(m, 0.95)
        x = x.T if shape[0] > shape[1] else x
        x = x / x.norm().clamp(min=1e-7)
        for _ in range(5):
            a = x @ x.T
            x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
        x = x.T if shape[0] > shape[1] else x
        p = p * (1 - 0.02 * 0.1) - 0.02 * 0.2 * max(shape) ** 0.5 * x
    out[f"{name}.muon"] = p
save_file({name: value.contiguous() for name, value in out.items()}, os.path.join(HERE, "optimizers.safetensors"))
