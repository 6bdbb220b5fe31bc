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
import re
import sys
import time

# Processes take the place of NumPy's threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np  # noqa: E402

from ptx import Groups, Kernel, Memory, PTXError, brain_floats  # noqa: E402
from ptx_operations import execute  # noqa: E402

# How far sums in another order and other exponentials may lie apart, as a share of the whole.
TOLERANCES = {"float32": 1e-4, "float16": 2e-3, "bfloat16": 1e-2, "int32": 0}
LEAST = 2e-5
# Units take weights of attention in 16 bits, some of which are rounded to the neighbour.
WITH_UNITS = 1e-3
THREADS_AT_ONCE = 4096


def numbers(data, kind):
    if kind == "bfloat16":
        return brain_floats(np.frombuffer(data, np.uint16)).astype(np.float64)
    return np.frombuffer(data, kind).astype(np.float64)


def error(got, wanted, before, kind, tolerance):
    """How far `got` is from `wanted`, 1 where just allowed, over what either of them changed: in the Euclidean norm
    against the norm of what is wanted, and ten times as much for each element against it and the root mean square.
    Sums that should be 0 may leave a little. What is infinite or no number must be the same."""
    width = 2 if kind in ("float16", "bfloat16") else 4
    raw = [np.frombuffer(data, f"u{width}") for data in (got, wanted, before)]
    changed = (raw[0] != raw[2]) | (raw[1] != raw[2])
    if (raw[0] == raw[1]).all():
        return 0.0
    x, y = (numbers(data, kind)[changed] for data in (got, wanted))
    finite = np.isfinite(y)
    if not tolerance or not np.array_equal(x[~finite], y[~finite], equal_nan=True) or \
            not np.isfinite(x[finite]).all():
        return math.inf
    x, y = x[finite], y[finite]
    mean = max(math.sqrt(np.mean(y * y)), LEAST)
    whole = math.sqrt(np.mean((x - y) ** 2)) / mean
    single = np.max(np.abs(x - y) / (np.abs(y) + mean)) / 10
    return float(max(whole, single)) / tolerance


def integer_parameters(source, name):
    """The positions of a kernel's parameters that point to integers; scratch memory says it nowhere else."""
    found = re.search(rf"\bvoid\s+{re.escape(name)}\s*\(([^)]*)\)", source)
    parameters = found[1].split(",") if found else []
    return {i for i, text in enumerate(parameters) if re.search(r"\bu?int\d*\s*\*", text)}


def replay(path):
    """A launch's kernel, whether it has matrix units, its error (1 is allowed), its steps, whether it changes
    anything, and what went wrong."""
    launch = json.loads(path.read_text())
    name, units = launch["function"], False
    program = path.with_name(path.stem.split("-")[0])
    # Every other launch runs its warps in the other order.
    last_first = int(path.stem.split("-")[1]) % 2 == 0
    try:
        kernel = Kernel(program.with_suffix(".ptx").read_text(), name)
        units = kernel.uses_units
        before, after = (path.with_suffix(suffix).read_bytes() for suffix in (".before", ".after"))
        integers = integer_parameters(program.with_suffix(".cl").read_text(), name)
        ends = list(itertools.accumulate(launch["byteCounts"], initial=0))
        ranges = list(zip(ends, ends[1:]))
        memory = Memory([before[first:end] for first, end in ranges])
        kinds, arguments = {}, []
        for position, argument in enumerate(launch["arguments"]):
            if "memory" in argument:
                index, kind = argument["memory"], "int32" if position in integers else argument["type"]
                if kinds.setdefault(index, kind) != kind:
                    raise PTXError(f"one memory is {kinds[index]} and {kind}")
                arguments.append(memory.starts[index])
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
                steps += some.run(execute, last_first)
        worst = 0.0
        for index, (first, end) in enumerate(ranges):
            kind = kinds[index]
            tolerance = max(TOLERANCES[kind], WITH_UNITS if units and kind == "float32" else 0)
            worst = max(worst, error(
                memory.content(index, end - first), after[first:end], before[first:end], kind, tolerance))
        problem = "" if worst <= 1 else f"{worst:.3g} of the error that is allowed"
        return name, units, worst, steps, before != after, problem
    except Exception as problem:  # whatever it is, this launch is not right
        text = str(problem) if isinstance(problem, PTXError) else repr(problem)
        return name, units, math.inf, 0, True, text


def main(folder):
    start = time.time()
    paths = sorted(pathlib.Path(folder).glob("*-*.json"))
    kinds = collections.defaultdict(list)
    wrong = idle = 0
    with multiprocessing.Pool(os.cpu_count()) as pool:
        results = list(pool.imap(replay, paths))
    for path, (name, units, worst, steps, changes, problem) in zip(paths, results, strict=True):
        kinds[name, units].append((worst, steps))
        idle += not changes
        if problem:
            wrong += 1
            options = path.with_name(path.stem.split("-")[0] + ".options").read_text()
            print(f"{path.stem} {name}: {problem}\n  {options}", file=sys.stderr)
    print(f"{'kernel':32} {'unit':4} {'launches':>8} {'steps':>10} {'error / allowed':>16}")
    for (name, units), found in sorted(kinds.items()):
        print(f"{name:32} {'mma' if units else '':4} {len(found):8} {sum(steps for _, steps in found):10} "
              f"{max(worst for worst, _ in found):16.3g}")
    print(f"{len(paths)} launches, {wrong} wrong, {idle} that change nothing and show nothing, "
          f"{time.time() - start:.0f} s")
    return 1 if wrong or not paths else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
