"""Writes the golden files beside it with PyTorch, an implementation independent of Retort.

Run: python3 -m venv venv && venv/bin/pip install torch transformers && venv/bin/python make_golden.py
"""
import json
import math
import pathlib
import struct

import torch
import torch.nn.functional as F

FOLDER = pathlib.Path(__file__).parent
torch.manual_seed(7)


def save(name, tensors):
    """A safetensors file of float32 and int32 tensors."""
    header, blobs, offset = {}, [], 0
    for key, value in tensors.items():
        value = value.detach().contiguous()
        kind = "F32" if value.is_floating_point() else "I32"
        value = value.to(torch.float32 if kind == "F32" else torch.int32)
        blob = value.numpy().tobytes()
        header[key] = {"dtype": kind, "shape": list(value.shape), "data_offsets": [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header, sort_keys=True).encode()
    text += b" " * (-len(text) % 8)
    (FOLDER / name).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def rotate(x, base):
    """Half-split rotary embedding of [B, T, H, D]."""
    t, d = x.shape[1], x.shape[3]
    angle = torch.outer(torch.arange(t, dtype=x.dtype), base ** (-torch.arange(0, d, 2, dtype=x.dtype) / d))
    cos = torch.cat([angle, angle], 1).cos()[None, :, None]
    sin = torch.cat([angle, angle], 1).sin()[None, :, None]
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat([-b, a], -1) * sin


def attend(q, k, v, causal):
    """[B, T, H, D] with grouped keys -> [B, T, H, D]."""
    group = q.shape[2] // k.shape[2]
    k, v = k.repeat_interleave(group, 2), v.repeat_interleave(group, 2)
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, is_causal=causal).transpose(1, 2)


def ops():
    out = {}

    def case(name, function, **inputs):
        """Result and gradients of sum(result * weight) for inputs in double precision."""
        leaves = {k: v.double().requires_grad_() if v.is_floating_point() else v for k, v in inputs.items()}
        result = function(**leaves)
        weight = torch.randn(result.shape, dtype=torch.float64).float().double()
        (result * weight).sum().backward()
        out[f"{name}.result"], out[f"{name}.weight"] = result, weight
        for key, leaf in leaves.items():
            out[f"{name}.{key}"] = leaf
            if leaf.is_floating_point():
                out[f"{name}.d_{key}"] = leaf.grad

    def r(*shape):
        return torch.randn(*shape)

    case("softmax", lambda x: x.softmax(-1), x=3 * r(4, 9))
    case("log_softmax", lambda x: x.log_softmax(-1), x=3 * r(4, 9))
    case("layer_norm", lambda x, gain, bias: F.layer_norm(x, (11,), gain, bias, 1e-5), x=r(5, 11), gain=r(11), bias=r(11))
    case("rms_norm", lambda x, gain: F.rms_norm(x, (11,), gain, 1e-5), x=r(5, 11), gain=r(11))
    case("gelu", F.gelu, input=2 * r(3, 7))
    case("gelu_tanh", lambda x: F.gelu(x, approximate="tanh"), x=2 * r(3, 7))
    case("silu", F.silu, input=2 * r(3, 7))
    case("matmul_nt", lambda a, b: a @ b.T, a=r(5, 6), b=r(7, 6))
    case("matmul_batched", lambda a, b: a @ b, a=r(2, 5, 6), b=r(2, 6, 3))
    case("rotary", lambda x: rotate(x, 10000.0), x=r(2, 5, 3, 8))
    case("attention_causal", lambda q, k, v: attend(q, k, v, True), q=r(2, 6, 4, 8), k=r(2, 6, 2, 8), v=r(2, 6, 2, 8))
    case("attention_full", lambda q, k, v: attend(q, k, v, False), q=r(1, 5, 2, 8), k=r(1, 7, 2, 8), v=r(1, 7, 2, 8))
    labels = torch.tensor([2, -1, 0, 8])
    case("cross_entropy", lambda z, labels: F.cross_entropy(z, labels.long(), ignore_index=-1, reduction="none"),
         z=3 * r(4, 9), labels=labels)
    case("gather", lambda table, ids: F.embedding(ids.long(), table), table=r(6, 5), ids=torch.tensor([3, 0, 3, 5, 3, 1]))
    save("ops.safetensors", out)


CONFIG = dict(vocab=19, width=16, layers=2, heads=2, kv=1, mlp=24, batch=3, length=12, steps=10)


def llama_parameters():
    c, p = CONFIG, {}
    head = c["width"] // c["heads"]
    p["model.embed_tokens.weight"] = torch.randn(c["vocab"], c["width"]) * 0.3
    for i in range(c["layers"]):
        n = f"model.layers.{i}."
        p[n + "input_layernorm.weight"] = 1 + 0.1 * torch.randn(c["width"])
        p[n + "self_attn.q_proj.weight"] = torch.randn(c["heads"] * head, c["width"]) * 0.2
        p[n + "self_attn.k_proj.weight"] = torch.randn(c["kv"] * head, c["width"]) * 0.2
        p[n + "self_attn.v_proj.weight"] = torch.randn(c["kv"] * head, c["width"]) * 0.2
        p[n + "self_attn.o_proj.weight"] = torch.randn(c["width"], c["heads"] * head) * 0.2
        p[n + "post_attention_layernorm.weight"] = 1 + 0.1 * torch.randn(c["width"])
        p[n + "mlp.gate_proj.weight"] = torch.randn(c["mlp"], c["width"]) * 0.2
        p[n + "mlp.up_proj.weight"] = torch.randn(c["mlp"], c["width"]) * 0.2
        p[n + "mlp.down_proj.weight"] = torch.randn(c["width"], c["mlp"]) * 0.2
    p["model.norm.weight"] = 1 + 0.1 * torch.randn(c["width"])
    return p


def llama_logits(p, tokens):
    c = CONFIG
    head, (b, t) = c["width"] // c["heads"], tokens.shape

    def norm(x, name):
        return F.rms_norm(x, (c["width"],), p[name + ".weight"], 1e-5)

    x = p["model.embed_tokens.weight"][tokens]
    for i in range(c["layers"]):
        n = f"model.layers.{i}."
        h = norm(x, n + "input_layernorm")
        q = (h @ p[n + "self_attn.q_proj.weight"].T).view(b, t, c["heads"], head)
        k = (h @ p[n + "self_attn.k_proj.weight"].T).view(b, t, c["kv"], head)
        v = (h @ p[n + "self_attn.v_proj.weight"].T).view(b, t, c["kv"], head)
        y = attend(rotate(q, 10000.0), rotate(k, 10000.0), v, True)
        x = x + y.reshape(b, t, -1) @ p[n + "self_attn.o_proj.weight"].T
        h = norm(x, n + "post_attention_layernorm")
        gate, up = h @ p[n + "mlp.gate_proj.weight"].T, h @ p[n + "mlp.up_proj.weight"].T
        x = x + (F.silu(gate) * up) @ p[n + "mlp.down_proj.weight"].T
    return norm(x, "model.norm") @ p["model.embed_tokens.weight"].T


def transformer():
    c = CONFIG
    p = {k: v.double().requires_grad_() for k, v in llama_parameters().items()}
    out = {f"start.{k}": v.clone() for k, v in p.items()}
    stream = torch.randint(0, c["vocab"], (c["steps"], c["batch"], c["length"] + 1))
    tokens, labels = stream[:, :, :-1], stream[:, :, 1:].clone()
    labels[:, 0, :4] = -1  # positions that do not count
    out["tokens"], out["labels"] = tokens, labels
    decayed = [v for v in p.values() if v.dim() >= 2]
    plain = [v for v in p.values() if v.dim() < 2]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}],
        lr=1.0, betas=(0.9, 0.95), eps=1e-8)
    losses = []
    for step in range(c["steps"]):
        warmup, highest, last = 3, 1e-2, 0.1
        if step < warmup:
            rate = highest * (step + 1) / warmup
        else:
            cosine = (1 + math.cos(math.pi * (step - warmup) / (c["steps"] - warmup))) / 2
            rate = highest * (last + (1 - last) * cosine)
        for group in optimizer.param_groups:
            group["lr"] = rate
        logits = llama_logits(p, tokens[step])
        loss = F.cross_entropy(logits.flatten(0, 1), labels[step].flatten(), ignore_index=-1)
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            out["logits"] = logits
            out.update({f"gradient.{k}": v.grad.clone() for k, v in p.items()})
        norm = torch.nn.utils.clip_grad_norm_(list(p.values()), float("inf"))
        scale = min(1.0, 1.0 / norm.item())
        for v in p.values():
            v.grad.mul_(scale)
        optimizer.step()
        losses.append(loss.item())
    out["losses"] = torch.tensor(losses, dtype=torch.float64)
    out.update({f"end.{k}": v for k, v in p.items()})
    save("transformer.safetensors", out)


def gpt2():
    """Logits and gradients of Hugging Face's own GPT-2, with random weights."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=19, n_positions=12, n_embd=16, n_layer=2, n_head=2,
                        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0)
    model = GPT2LMHeadModel(config).double()
    out = {}
    for name, p in model.named_parameters():
        p.data = (torch.randn_like(p) * 0.2 + (1 if ".ln_" in name and name.endswith("weight") else 0)).double()
        out["start." + name] = p.detach().clone()
    stream = torch.randint(0, 19, (3, 13))
    tokens, labels = stream[:, :-1], stream[:, 1:]
    logits = model(tokens).logits
    F.cross_entropy(logits.flatten(0, 1), labels.flatten()).backward()
    out.update(tokens=tokens, labels=labels, logits=logits)
    out.update({f"gradient.{k}": p.grad for k, p in model.named_parameters()})
    save("gpt2.safetensors", out)


ops()
transformer()
gpt2()
