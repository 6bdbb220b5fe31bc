"""The cases in PyTorch: eager, or compiled with --compile as a third argument."""
import os
import sys

import torch
import torch.nn.functional as F
from torch import nn

from cases import answer, cases_precision, product
from pytorch_steps import step

torch.set_num_threads(int(os.environ.get("THREADS", "2")))
device = os.environ.get("TORCH_DEVICE", "cpu")
torch.set_default_device(device)
compiles = "--compile" in sys.argv
precision = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[cases_precision()]


def finished(body):
    """`body`, waiting for the device."""
    if device == "cpu":
        return body

    def run():
        body()
        torch.cuda.synchronize()

    return run


def compiled(function):
    return torch.compile(function) if compiles else function


def with_gradient(function, *inputs):
    """Runs function and the gradients of every floating-point input for a given slope."""
    leaves = [x.requires_grad_() if x.is_floating_point() else x for x in inputs]
    slope = torch.randn_like(function(*leaves))
    function = compiled(function)

    def run():
        for x in leaves:
            x.grad = None
        function(*leaves).backward(slope)

    return run


def forward(function, *inputs):
    function = compiled(function)

    def run():
        with torch.no_grad():
            function(*inputs)

    return run


ROWS = {
    "softmax": lambda x, gain, bias: x.softmax(-1),
    "layer norm": lambda x, gain, bias: F.layer_norm(x, gain.shape, gain, bias, 1e-5),
    "rms norm": lambda x, gain, bias: F.rms_norm(x, gain.shape, gain, 1e-5),
    "gelu": lambda x, gain, bias: F.gelu(x),
    "gelu tanh": lambda x, gain, bias: F.gelu(x, approximate="tanh"),
    "silu": lambda x, gain, bias: F.silu(x),
}


def kl(student, teacher, temperature):
    """KL(teacher || student) per row at a temperature."""
    p, q = (F.log_softmax(z / temperature, -1) for z in (teacher, student))
    return F.kl_div(q, p, log_target=True, reduction="none").sum(-1)


def prepare(case):
    torch.manual_seed(1)
    torch._dynamo.reset()
    sizes, operation = case["sizes"], case["operation"]
    if product(case):
        m, n, k, ta, tb = product(case)
        a, b = (torch.randn(*size).to(precision) for size in (
            (k, m) if ta else (m, k), (n, k) if tb else (k, n)))
        return finished(forward(lambda a, b: (a.T if ta else a) @ (b.T if tb else b), a, b))
    if case["group"] == "attention":
        b, t, h, g, d = (sizes[name] for name in "bthgd")
        q, k, v = (torch.randn(b, heads, t, d).to(precision) for heads in (h, g, g))
        run = lambda q, k, v: F.scaled_dot_product_attention(
            q, k, v, is_causal=True, enable_gqa=h != g)
        return finished((with_gradient if "gradients" in operation else forward)(run, q, k, v))
    if case["group"] in ("softmax", "normalize", "elementwise"):
        name = operation.replace(" with gradient", "")
        x, gain, bias = torch.randn(sizes["rows"], sizes["columns"]), *torch.randn(2, sizes["columns"])
        if operation == name:
            return finished(forward(ROWS[name], x, gain, bias))
        inputs = [x, gain, bias] if case["group"] == "normalize" else [x]
        return finished(with_gradient(lambda x, gain=gain, bias=bias: ROWS[name](x, gain, bias), *inputs))
    if case["group"] == "loss":
        rows, columns = sizes["rows"], sizes["columns"]
        labels = torch.randint(columns, (rows,))
        if operation.startswith("cross-entropy"):
            return finished(with_gradient(
                lambda z: F.cross_entropy(z, labels, reduction="none"), torch.randn(rows, columns)))
        if operation.startswith("forward KL"):
            teacher = torch.randn(rows, columns)
            return finished(with_gradient(
                lambda z: kl(z, teacher, 2.0), torch.randn(rows, columns)))
        # The head as well: x W^T, its loss, and the gradients of x and W.
        x, weight = torch.randn(rows, sizes["width"]), torch.randn(columns, sizes["width"]) * 0.02
        if operation.startswith("linear cross-entropy"):
            return finished(with_gradient(
                lambda x, w: F.cross_entropy(x @ w.T, labels, reduction="none"), x, weight))
        teacher_x = torch.randn(rows, sizes["teacher_width"])
        teacher_weight = torch.randn(columns, sizes["teacher_width"]) * 0.02

        def distil(x, w):
            z, teacher = x @ w.T, teacher_x @ teacher_weight.T
            return 0.5 * F.cross_entropy(z, labels, reduction="none") + 2 * kl(z, teacher, 2.0)

        return finished(with_gradient(distil, x, weight))
    if operation == "adamw":
        parameter = nn.Parameter(torch.randn(sizes["parameters"] // 1000, 1000))
        parameter.grad = torch.randn_like(parameter)
        optimizer = torch.optim.AdamW([parameter], lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1)

        def run():
            nn.utils.clip_grad_norm_([parameter], 1.0)
            optimizer.step()

        return finished(run)
    if operation.startswith("add a number"):
        x = torch.randn(sizes["rows"], sizes["columns"])
        return finished(forward(lambda x: x + 1, x))
    if operation.startswith("transpose"):
        x = torch.randn(*(sizes[name] for name in "bthd"))
        return finished(forward(lambda x: x.transpose(1, 2).contiguous(), x))
    if operation.endswith("gather"):
        table = torch.randn(sizes["rows"], sizes["columns"])
        ids = torch.randint(sizes["rows"], (sizes["count"],))
        if operation == "gather":
            return finished(forward(lambda table: F.embedding(ids, table), table))
        return finished(with_gradient(lambda table: F.embedding(ids, table), table))
    if case["group"] == "step":
        return finished(step(case, compiled, device, precision))
    return None


def peak_memory():
    """The largest resident memory since the latest reset, on Linux."""
    try:
        lines = open("/proc/self/status").read().splitlines()
        peak = next(line for line in lines if line.startswith("VmHWM:"))
        open("/proc/self/clear_refs", "w").write("5")
        return {"peak_resident_bytes": int(peak.split()[1]) * 1024}
    except OSError:
        return {}


answer("PyTorch compiled" if compiles else "PyTorch eager", prepare, peak_memory)
