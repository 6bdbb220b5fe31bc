"""What the peers share: the cases of a result file of Retort's benchmarks, timing, and the answer.

Each peer is called as `peer.py RETORT.json ANSWER.json` and does the work of every case that it can.
"""
import json
import os
import sys
import time

SECONDS = float(os.environ.get("SECONDS_PER_CASE", "0.5"))  # after warm-up


def timed(body):
    """The seconds of repeated runs of `body`, which waits for its work, after two that do not count."""
    for _ in range(2):
        body()
    seconds, total = [], 0.0
    while len(seconds) < 5 or (total < SECONDS and len(seconds) < 200):
        start = time.perf_counter()
        body()
        seconds.append(time.perf_counter() - start)
        total += seconds[-1]
    seconds.sort()
    return seconds


def answer(peer, prepare, facts=lambda: {}):
    """Times `prepare(case)`, a function to run or None, for every case; writes what came of it."""
    source, target = sys.argv[1:3]
    found = []
    for case in json.load(open(source))["measurements"]:
        body = prepare(case)
        if body is None:
            continue
        seconds = timed(body)
        median = seconds[len(seconds) // 2]
        found.append({"name": case["name"], "seconds": median, "facts": facts()})
        print(f"{peer}  {case['name']}  {1e3 * median:.3f} ms", flush=True)
        body = None
    json.dump({"peer": peer, "measurements": found}, open(target, "w"), indent=1)


def cases_precision():
    """The precision in which Retort did the cases."""
    return json.load(open(sys.argv[1])).get("precision", "fp32")


def product(case):
    """(m, n, k, whether A is transposed, whether B is) of a matmul case, else None."""
    if case["group"] != "matmul":
        return None
    sizes, flags = case["sizes"], case["operation"].split()[1]
    return sizes["m"], sizes["n"], sizes["k"], flags[0] == "T", flags[1] == "T"
