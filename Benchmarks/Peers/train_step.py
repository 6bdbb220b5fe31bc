"""The training steps of StepBenchmark.swift in PyTorch, eager, on the processor.

Run: python3 -m venv venv && venv/bin/pip install torch && venv/bin/python train_step.py [threads]
"""
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

CASES = [
    dict(name="3 layers, 384 wide, vocabulary 8192, batch 8 x 256",
         v=8192, c=384, m=1024, layers=3, heads=6, b=8, t=256),
    dict(name="4 layers, 192 wide, vocabulary 257, batch 32 x 128",
         v=257, c=192, m=512, layers=4, heads=3, b=32, t=128),
]


class Layer(nn.Module):
    def __init__(self, c, m, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.RMSNorm(c, 1e-5), nn.RMSNorm(c, 1e-5)
        self.q, self.k, self.v, self.o = (nn.Linear(c, c, bias=False) for _ in range(4))
        self.gate, self.up = nn.Linear(c, m, bias=False), nn.Linear(c, m, bias=False)
        self.down = nn.Linear(m, c, bias=False)

    def forward(self, x, cos, sin):
        b, t, c = x.shape

        def split(y):
            return y.view(b, t, self.heads, -1).transpose(1, 2)

        def rotate(y):
            p, q = y.chunk(2, -1)
            return y * cos + torch.cat([-q, p], -1) * sin

        h = self.norm1(x)
        q, k, v = split(self.q(h)), split(self.k(h)), split(self.v(h))
        y = F.scaled_dot_product_attention(rotate(q), rotate(k), v, is_causal=True)
        x = x + self.o(y.transpose(1, 2).reshape(b, t, c))
        h = self.norm2(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Model(nn.Module):
    def __init__(self, v, c, m, layers, heads, t, **_):
        super().__init__()
        self.embed = nn.Embedding(v, c)
        nn.init.normal_(self.embed.weight, std=0.02)
        self.layers = nn.ModuleList(Layer(c, m, heads) for _ in range(layers))
        self.norm = nn.RMSNorm(c, 1e-5)
        d = c // heads
        angle = torch.outer(torch.arange(t), 10000.0 ** (-torch.arange(0, d, 2) / d))
        self.cos, self.sin = torch.cat([angle, angle], 1).cos(), torch.cat([angle, angle], 1).sin()

    def forward(self, tokens):
        x = self.embed(tokens)
        for layer in self.layers:
            x = layer(x, self.cos, self.sin)
        return self.norm(x) @ self.embed.weight.T


torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
for case in CASES:
    torch.manual_seed(1)
    model = Model(**case)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1)
    stream = torch.randint(0, case["v"], (case["b"], case["t"] + 1))
    seconds = []
    for _ in range(6):
        start = time.perf_counter()
        loss = F.cross_entropy(model(stream[:, :-1]).flatten(0, 1), stream[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    seconds = sorted(seconds[1:])
    median, count = seconds[len(seconds) // 2], sum(p.numel() for p in model.parameters())
    print(f"step  {case['name']}, {count} parameters  {1e3 * median:.2f} ms "
          f"({1e3 * seconds[0]:.2f} to {1e3 * seconds[-1]:.2f})  "
          f"{int(case['b'] * case['t'] / median)} tokens/s")
