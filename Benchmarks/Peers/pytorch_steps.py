"""Whole training steps of GPT-2-shaped models in PyTorch: the work of StepCases.swift."""
import torch
import torch.nn.functional as F
from torch import nn


class Layer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (y.view(b, t, self.heads, -1).transpose(1, 2)
                   for y in self.qkv(self.norm1(x)).split(c, 2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(b, t, c))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class GPT2(nn.Module):
    def __init__(self, vocabulary, length, layers, width, heads):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        for table in (self.tokens, self.positions):
            nn.init.normal_(table.weight, std=0.02)
        self.layers = nn.ModuleList(Layer(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, ids):
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1]))
        for layer in self.layers:
            x = layer(x)
        return self.norm(x) @ self.tokens.weight.T


def step(case, compiled, device, precision):
    """A function that does one step of the case."""
    s = case["sizes"]
    model = GPT2(s["vocabulary"], s["length"], s["layers"], s["width"], s["heads"])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1)
    stream = torch.randint(0, s["vocabulary"], (s["batch"], s["length"] + 1))
    tokens, labels = stream[:, :-1].contiguous(), stream[:, 1:].flatten()
    teacher = None
    if case["operation"].startswith("distillation"):
        teacher = GPT2(s["vocabulary"], s["length"], 6, 768, 12).eval().requires_grad_(False)

    def loss(tokens, labels):
        logits = model(tokens).flatten(0, 1)
        ce = F.cross_entropy(logits, labels)
        if teacher is None:
            return ce
        with torch.no_grad():
            given = F.log_softmax(teacher(tokens).flatten(0, 1) / 2, -1)
        kl = F.kl_div(F.log_softmax(logits / 2, -1), given, log_target=True, reduction="batchmean")
        return 0.5 * ce + 0.5 * 4 * kl

    loss = compiled(loss)
    narrow = torch.autocast(device, dtype=precision, enabled=precision != torch.float32)

    def run():
        optimizer.zero_grad()
        with narrow:
            value = loss(tokens, labels)
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return run
