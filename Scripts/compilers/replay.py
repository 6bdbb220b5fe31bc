"""Runs what NVIDIA's compiler made of recorded launches and compares what they leave with what was recorded.

replay.py FOLDER reads NUMBER.ptx and NUMBER-LAUNCH.json with its .before and .after, as `benchmarks --launches`
writes them. Prints a line for each kind of kernel; exits with 1 where a launch leaves something else.
"""
import collections
import itertools
import json
import math
import multiprocessing
import os
import pathlib
import sys
import time

# Processes take the place of NumPy's threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np  # noqa: E402

from ptx import Groups, Kernel, Memory, PTXError, brain_floats  # noqa: E402
from ptx_operations import execute  # noqa: E402

# How far sums in another order and other exponentials may lie apart, as a share of the whole.
TOLERANCES = {"float32": 1e-4, "float16": 2e-3, "bfloat16": 1e-2, "int32": 0}
THREADS_AT_ONCE = 4096


def numbers(data, kind):
    if kind == "bfloat16":
        return brain_floats(np.frombuffer(data, np.uint16)).astype(np.float64)
    return np.frombuffer(data, kind).astype(np.float64)


def error(got, wanted, before, kind):
    """|got - wanted| / |wanted| over what either of them changed; infinite where NaNs differ. Numbers that should be 0
    may be as large as what is left of others of about 1."""
    width = 2 if kind in ("float16", "bfloat16") else 4
    raw = [np.frombuffer(data, f"u{width}") for data in (got, wanted, before)]
    changed = (raw[0] != raw[2]) | (raw[1] != raw[2])
    if (raw[0] == raw[1]).all():
        return 0.0
    x, y = (numbers(data, kind)[changed] for data in (got, wanted))
    if (np.isfinite(x) != np.isfinite(y)).any() or (np.isnan(x) != np.isnan(y)).any():
        return math.inf
    finite = np.isfinite(y)
    least = 1e-3 * math.sqrt(max(1, finite.sum()))
    return float(np.linalg.norm(x[finite] - y[finite]) / max(np.linalg.norm(y[finite]), least))


def replay(path):
    """A launch's kernel, its worst error as a share of what is allowed, steps, and what went wrong."""
    launch = json.loads(path.read_text())
    name = launch["function"]
    try:
        kernel = Kernel(path.with_name(path.stem.split("-")[0] + ".ptx").read_text(), name)
        before, after = (path.with_suffix(suffix).read_bytes() for suffix in (".before", ".after"))
        ends = list(itertools.accumulate(launch["byteCounts"], initial=0))
        ranges = list(zip(ends, ends[1:]))
        memory = Memory([before[first:end] for first, end in ranges])
        kinds, arguments = {}, []
        for argument in launch["arguments"]:
            if "memory" in argument:
                kinds[argument["memory"]] = argument["type"]
                arguments.append(memory.starts[argument["memory"]])
            else:
                arguments.append(argument["int"] if "int" in argument else argument["float"])
        local = (launch["local"] + [1, 1])[:3]
        counts = [size // of for size, of in zip((launch["global"] + [1, 1])[:3], local)]
        groups = list(itertools.product(*(range(count) for count in counts)))
        at_once = max(1, THREADS_AT_ONCE // math.prod(local))
        steps = 0
        with np.errstate(all="ignore"):
            for first in range(0, len(groups), at_once):
                some = Groups(kernel, memory, arguments, groups[first:first + at_once], local, counts)
                steps += some.run(execute)
        worst = 0.0
        for index, (first, end) in enumerate(ranges):
            kind = kinds[index]
            found = error(memory.content(index, end - first), after[first:end], before[first:end], kind)
            allowed = TOLERANCES[kind]
            worst = max(worst, found / allowed if allowed else (math.inf if found else 0))
        return name, kernel.uses_units, worst, steps, "" if worst <= 1 else f"{worst:.3g} of the error that is allowed"
    except PTXError as problem:
        return name, False, math.inf, 0, str(problem)


def main(folder):
    start = time.time()
    paths = sorted(pathlib.Path(folder).glob("*-*.json"))
    kinds = collections.defaultdict(list)
    wrong = 0
    with multiprocessing.Pool(os.cpu_count()) as pool:
        for path, (name, units, worst, steps, problem) in zip(paths, pool.imap(replay, paths)):
            kinds[name, units].append((worst, steps))
            if problem:
                wrong += 1
                options = path.with_name(path.stem.split("-")[0] + ".options").read_text()
                print(f"{path.stem} {name}: {problem}\n  {options}", file=sys.stderr)
    print(f"{'kernel':32} {'unit':4} {'launches':>8} {'steps':>10} {'error / allowed':>16}")
    for (name, units), found in sorted(kinds.items()):
        print(f"{name:32} {'mma' if units else '':4} {len(found):8} {sum(steps for _, steps in found):10} "
              f"{max(worst for worst, _ in found):16.3g}")
    print(f"{len(paths)} launches, {wrong} wrong, {time.time() - start:.0f} s")
    return 1 if wrong or not paths else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
