"""Writes small models and tokenizers as GGUF files, by the conventions of llama.cpp's converter, with what PyTorch computes, into gguf/.

Run: python3 -m venv venv && venv/bin/pip install torch transformers gguf && venv/bin/python make_gguf.py
"""
import json
import math
import pathlib
import shutil

import gguf
import numpy as np
import torch
import transformers as hf
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
OUT = HERE / "gguf"
shutil.rmtree(OUT, ignore_errors=True)
OUT.mkdir()
SIZES = dict(hidden_size=32, intermediate_size=64, num_attention_heads=4, num_key_value_heads=2, vocab_size=96,
             max_position_embeddings=128, attn_implementation="eager", num_hidden_layers=2)
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 8192, "rope_theta": 500000.0}
MODELS = {
    "llama": (hf.LlamaConfig(**SIZES, rope_parameters=LLAMA3, tie_word_embeddings=False), "LLAMA", None),
    "llama-q4_0": (hf.LlamaConfig(**SIZES, tie_word_embeddings=False), "LLAMA", "Q4_0"),
    "qwen2-q8_0": (hf.Qwen2Config(**SIZES, tie_word_embeddings=True), "QWEN2", "Q8_0"),
    "qwen3": (hf.Qwen3Config(**SIZES, head_dim=16, tie_word_embeddings=True), "QWEN3", None),
    "gemma2": (hf.Gemma2Config(**SIZES, head_dim=16, query_pre_attn_scalar=16, sliding_window=4), "GEMMA2", None),
    "gemma3": (hf.Gemma3TextConfig(**{**SIZES, "num_hidden_layers": 7}, head_dim=16, query_pre_attn_scalar=16,
                                   sliding_window=4), "GEMMA3", None),
    "gpt2": (hf.GPT2Config(n_embd=32, n_head=4, n_layer=2, n_positions=128, vocab_size=96), "GPT2", None),
}


def scalars(writer, config):
    if isinstance(config, hf.GPT2Config):
        writer.add_context_length(config.n_positions)
        writer.add_embedding_length(config.n_embd)
        writer.add_feed_forward_length(4 * config.n_embd)
        writer.add_block_count(config.n_layer)
        writer.add_head_count(config.n_head)
        writer.add_layer_norm_eps(config.layer_norm_epsilon)
        return
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    ropes = config.rope_parameters
    ropes = ropes.get("full_attention", ropes)
    writer.add_rope_freq_base(ropes["rope_theta"])
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_key_length(size)
    writer.add_value_length(size)
    if "gemma" in config.model_type:
        writer.add_sliding_window(config.sliding_window)
        if config.attn_logit_softcapping:
            writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
            writer.add_final_logit_softcapping(config.final_logit_softcapping)


def permuted(weight, heads):
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


golden = {}
for name, (config, arch, blocks) in MODELS.items():
    torch.manual_seed(len(golden))
    model = hf.AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    for key, weight in model.named_parameters():
        torch.nn.init.normal_(weight, std=0.08)
        if key.endswith("norm.weight") and "gemma" not in config.model_type or ".ln_" in key and key.endswith("weight"):
            weight.data += 1
    writer = gguf.GGUFWriter(OUT / f"{name}.gguf", gguf.MODEL_ARCH_NAMES[gguf.MODEL_ARCH[arch]])
    scalars(writer, config)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[arch], 8)
    state = dict(model.named_parameters())
    if arch == "GPT2":
        state["lm_head.weight"] = state["transformer.wte.weight"]
    for key, weight in state.items():
        array = weight.detach().numpy().copy()
        if arch == "LLAMA" and key.endswith("q_proj.weight"):
            array = permuted(array, config.num_attention_heads)
        if arch == "LLAMA" and key.endswith("k_proj.weight"):
            array = permuted(array, config.num_key_value_heads)
        if "gemma" in config.model_type and key.endswith("norm.weight"):
            array = array + 1
        if arch == "GPT2" and ".c_" in key and key.endswith("weight"):
            array = array.T.copy()
        target = names.get_name(key, try_suffixes=(".weight", ".bias"))
        if blocks and array.ndim == 2:
            kind = gguf.GGMLQuantizationType[blocks]
            packed = gguf.quants.quantize(array, kind)
            array = gguf.quants.dequantize(packed, kind)
            if key.endswith("q_proj.weight") or key.endswith("k_proj.weight"):
                heads = config.num_attention_heads if "q_proj" in key else config.num_key_value_heads
                if arch == "LLAMA":
                    array = array.reshape(heads, -1, 2, array.shape[1]).swapaxes(1, 2).reshape(array.shape)
            weight.data = torch.from_numpy(np.ascontiguousarray(array))
            writer.add_tensor(target, packed, raw_dtype=kind)
        else:
            writer.add_tensor(target, array)
    if name == "llama":
        size = config.hidden_size // config.num_attention_heads
        freqs = 1.0 / (500000.0 ** (torch.arange(0, size, 2, dtype=torch.float32) / size))
        factors = []
        for freq in freqs.tolist():
            length = 2 * math.pi / freq
            if length < 8192 / 4:
                factors.append(1.0)
            elif length > 8192 / 1:
                factors.append(8.0)
            else:
                smooth = (8192 / length - 1) / (4 - 1)
                factors.append(1 / ((1 - smooth) / 8 + smooth))
        writer.add_tensor("rope_freqs.weight", np.array(factors, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    tokens = torch.randint(0, 96, (2, 20))
    golden[f"{name}.tokens"] = tokens.int()
    golden[f"{name}.logits"] = model(tokens).logits.detach()
save_file(golden, OUT / "golden.safetensors")

# Tokenizers, whose texts are those of the files in tokenizers/.
for name, kind, pre in [("gpt2", "gpt2", "gpt-2"), ("llama3", "gpt2", "llama-bpe"), ("qwen", "gpt2", "qwen2"), ("llama2", "llama", "default")]:
    source = json.loads((HERE / "tokenizers" / f"{name}.json").read_text())
    vocabulary = source["model"]["vocab"]
    added = {token["id"]: token for token in source["added_tokens"]}
    count = max([*vocabulary.values(), *added]) + 1
    tokens, types, scores = [f"[PAD{i}]" for i in range(count)], [5] * count, [-1e6] * count
    for text, id in vocabulary.items():
        tokens[id], types[id] = text, 6 if kind == "llama" and text.startswith("<0x") else 1
    for id, token in added.items():
        tokens[id], types[id] = token["content"], 3 if token["special"] else 4
        if token["content"] == "<unk>":
            types[id] = 2
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in source["model"]["merges"]]
    for rank, pair in reversed(list(enumerate(merges))):
        scores[vocabulary["".join(pair.split(" "))]] = -float(rank)
    writer = gguf.GGUFWriter(OUT / f"tokenizer-{name}.gguf", "llama")
    writer.add_tokenizer_model(kind)
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    if kind == "llama":
        writer.add_token_scores(scores)
    else:
        writer.add_token_merges(merges)
    special = {token["content"]: token["id"] for token in added.values()}
    start = next((special[text] for text in ["<s>", "<|begin_of_text|>"] if text in special), None)
    end = next((special[text] for text in ["</s>", "<|end_of_text|>", "<|endoftext|>"] if text in special), None)
    if start is not None:
        writer.add_bos_token_id(start)
    if end is not None:
        writer.add_eos_token_id(end)
    if "<unk>" in special:
        writer.add_unk_token_id(special["<unk>"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
