"""A step of an adapter's training, in Retort and in PyTorch with PEFT, in turns, and the ratio.

    python adapter_step.py RETORT FOLDER [--rows 1] [--length 512] [--rounds 2] [--base nf4]

FOLDER is a model that both read; the adapter has rank 16 on every linear layer, numbers are float32, two threads.
"""
import argparse, json, pathlib, statistics, subprocess, sys, tempfile, time

import torch
import torch.nn.functional as F
import peft
import transformers

parser = argparse.ArgumentParser()
parser.add_argument("retort")
parser.add_argument("folder")
parser.add_argument("--rows", type=int, default=1)
parser.add_argument("--length", type=int, default=512)
parser.add_argument("--rounds", type=int, default=2)
parser.add_argument("--steps", type=int, default=4)
parser.add_argument("--base", help="fewer bits for Retort's frozen weights, such as nf4")
parser.add_argument("--recompute", default="none", help="layers: both compute values again")
options = parser.parse_args()
torch.set_num_threads(2)
tokens = options.rows * options.length


def ours():
    """The median seconds of a step after the first, by the run's own log."""
    with tempfile.TemporaryDirectory() as place:
        text = pathlib.Path(place) / "text.txt"
        text.write_text("".join(f"{i} is a number, and {i * i} its square.\n" for i in range(20000)))
        command = [
            options.retort, "train", "--model", options.folder, "--data", str(text), "--lora", "16",
            "--run", f"{place}/run", "--steps", str(options.steps + 1), "--batch-size", str(options.rows),
            "--set", f"data.sequence_length={options.length}", "--set", "training.log_interval=1",
            "--set", f"training.recompute={options.recompute}", "--set", "data.validation=0", "--quiet"]
        if options.base:
            command += ["--base", options.base]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        lines = [json.loads(line) for line in open(f"{place}/run/metrics.jsonl")]
        return [tokens / line["tokens_per_second"] for line in lines if "tokens_per_second" in line][1:]


def peer():
    """The same with PEFT, AdamW on the adapter's numbers, gradients clipped as Retort's are."""
    model = transformers.AutoModelForCausalLM.from_pretrained(options.folder, dtype=torch.float32)
    model = peft.get_peft_model(model, peft.LoraConfig(r=16, lora_alpha=32, target_modules="all-linear"))
    if options.recompute == "layers":
        model.enable_input_require_grads()
        model.gradient_checkpointing_enable()
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4)
    stream = torch.randint(0, 8000, (options.rows, options.length + 1))
    times = []
    for _ in range(options.steps + 1):
        start = time.time()
        logits = model(stream[:, :-1]).logits
        F.cross_entropy(logits.flatten(0, 1), stream[:, 1:].flatten()).backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        times.append(time.time() - start)
    return times[1:]


own, theirs = [], []
for number in range(options.rounds):
    own += ours()
    theirs += peer()
    print(f"round {number + 1}: Retort {own[-1]:.2f} s, PEFT {theirs[-1]:.2f} s a step", file=sys.stderr)
a, b = statistics.median(own), statistics.median(theirs)
print(f"{options.rows} x {options.length}, base {options.base or 'float32'}, recompute {options.recompute}: "
      f"Retort {a:.2f} s ({min(own):.2f} to {max(own):.2f}), "
      f"PEFT {b:.2f} s ({min(theirs):.2f} to {max(theirs):.2f}), {b / a:.2f} x PEFT")
