"""Products and rows in tinygrad on its OpenCL device."""
import os

os.environ.setdefault("DEV", "CL")

from tinygrad import Tensor, TinyJit  # noqa: E402

from cases import answer, product  # noqa: E402


def prepare(case):
    def jitted(function, *inputs):
        run = TinyJit(lambda *given: function(*given).realize())
        inputs = [x.realize() for x in inputs]
        return lambda: run(*inputs).numpy()[:0]

    if product(case):
        m, n, k, ta, tb = product(case)
        # A quarter of a second per product is enough to know the rate.
        if m * n * k > 2e9:
            return None
        a = Tensor.rand(*((k, m) if ta else (m, k)))
        b = Tensor.rand(*((n, k) if tb else (k, n)))
        return jitted(lambda a, b: (a.T if ta else a) @ (b.T if tb else b), a, b)
    sizes = case["sizes"]
    if case["operation"] in ("softmax", "gelu tanh", "silu"):
        x = Tensor.rand(sizes["rows"], sizes["columns"])
        name = case["operation"].split()[0]
        return jitted(lambda x: getattr(x, name)(), x)
    return None


answer("tinygrad CL", prepare)
