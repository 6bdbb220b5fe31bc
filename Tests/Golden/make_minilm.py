"""Embeds 1,000 of the strings in tokenizers/strings.json with all-MiniLM-L6-v2 in PyTorch, into minilm.safetensors.

Run: python3 -m venv venv && venv/bin/pip install torch transformers && venv/bin/python make_minilm.py MINILM
MINILM is the folder that Scripts/minilm fetches. Values are float16, whose rounding costs the cosine 1e-7.
"""
import json
import pathlib
import sys

import torch
from safetensors.torch import save_file
from transformers import AutoModel, AutoTokenizer

FOLDER = pathlib.Path(__file__).parent
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model = AutoModel.from_pretrained(sys.argv[1], attn_implementation="eager").eval()
texts = json.loads((FOLDER / "tokenizers/strings.json").read_text())[::20]
embeddings = []
with torch.no_grad():
    for text in texts:
        batch = tokenizer(text, truncation=True, max_length=256, return_tensors="pt")
        hidden = model(**batch).last_hidden_state
        embeddings.append(torch.nn.functional.normalize(hidden.mean(1), dim=-1)[0])
save_file({"embeddings": torch.stack(embeddings).half()}, FOLDER / "minilm.safetensors")
