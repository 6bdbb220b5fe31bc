"""Writes quantized.safetensors: matrices in GGUF's blocks and in NF4, as the packages `gguf` and `bitsandbytes` make and read them.

Run: python3 -m venv venv && venv/bin/pip install torch gguf bitsandbytes safetensors && venv/bin/python make_quantized.py
"""
import os

import gguf
import numpy as np
import torch
from bitsandbytes import functional
from safetensors.numpy import save_file

HERE = os.path.dirname(os.path.abspath(__file__))
random = np.random.default_rng(20)
numbers = (random.standard_normal((3, 512)) * np.exp(random.standard_normal((3, 1)))).astype(np.float32)
numbers[1, 64:96] = 0
out = {"numbers": numbers}
for name in ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"]:
    kind = gguf.GGMLQuantizationType[name]
    blocks = gguf.quants.quantize(numbers, kind)
    out[f"{name.lower()}.blocks"] = blocks
    out[f"{name.lower()}.numbers"] = gguf.quants.dequantize(blocks, kind)
for name in ["Q4_K", "Q5_K", "Q6_K"]:
    kind = gguf.GGMLQuantizationType[name]
    size = gguf.GGML_QUANT_SIZES[kind][1]
    blocks = random.integers(0, 256, (6, size), dtype=np.uint8)
    # Scales of a sensible size.
    for place in ([209] if name == "Q6_K" else [1, 3]):
        blocks[:, place] = random.integers(0x18, 0x2c, 6)
    blocks = blocks.reshape(3, 2 * size)
    out[f"{name.lower()}.blocks"] = blocks
    out[f"{name.lower()}.numbers"] = gguf.quants.dequantize(blocks, kind)

# More than one group of scales.
numbers = random.standard_normal((300, 64)).astype(np.float32)
packed, state = functional.quantize_4bit(
    torch.from_numpy(numbers), blocksize=64, compress_statistics=True, quant_type="nf4")
out["nf4.source"] = numbers
out["nf4.packed"] = packed.numpy().reshape(-1)
out["nf4.codes"] = state.absmax.numpy()
out["nf4.scales"] = state.state2.absmax.numpy()
out["nf4.mean"] = state.offset.numpy().reshape(1)
out["nf4.numbers"] = functional.dequantize_4bit(packed, state).numpy()
for signed in [True, False]:
    out[f"map.{'signed' if signed else 'unsigned'}"] = functional.create_dynamic_map(signed=signed).numpy()
# Retort reads int32 and float32.
out = {name: value.astype(np.int32) if value.dtype == np.uint8 else value for name, value in out.items()}
save_file({name: np.ascontiguousarray(value) for name, value in out.items()}, os.path.join(HERE, "quantized.safetensors"))
