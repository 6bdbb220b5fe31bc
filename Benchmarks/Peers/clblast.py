"""sgemm of CLBlast on an OpenCL device, with the parameters that its own tuner found.

CLBLAST_TUNED names the folder in which the tuner wrote its files.
"""
import ctypes
import glob
import json
import os

import numpy
import pyopencl as cl

from cases import answer, product

library = ctypes.CDLL("libclblast.so.1")
platform, index = (int(x) for x in os.environ.get("RETORT_DEVICE", "0:0").split(":"))
device = cl.get_platforms()[platform].get_devices()[index]
context = cl.Context([device])
queue = cl.CommandQueue(context)
size = ctypes.c_size_t

for file in glob.glob(os.environ.get("CLBLAST_TUNED", ".") + "/clblast_*_32.json"):
    tuned = json.load(open(file))
    values = dict(pair.split("=") for pair in tuned["best_parameters"].split())
    values.pop("PRECISION", None)
    names = (ctypes.c_char_p * len(values))(*(name.encode() for name in values))
    numbers = (size * len(values))(*(int(value) for value in values.values()))
    library.CLBlastOverrideParameters(
        ctypes.c_void_p(device.int_ptr), tuned["best_kernel"].encode(), 32, size(len(values)),
        names, numbers)


def prepare(case):
    if product(case) is None:
        return None
    m, n, k, ta, tb = product(case)
    # A second per product would be no news.
    if m * n * k > 2e9:
        return None

    def buffer(count):
        flags = cl.mem_flags.READ_WRITE | cl.mem_flags.COPY_HOST_PTR
        return cl.Buffer(context, flags, hostbuf=numpy.random.rand(count).astype(numpy.float32))

    a, b, c = buffer(m * k), buffer(k * n), buffer(m * n)
    row_major, flag = 101, {False: 111, True: 112}
    handle = ctypes.c_void_p(queue.int_ptr)
    real, memory = ctypes.c_float, ctypes.c_void_p

    def run():
        code = library.CLBlastSgemm(
            row_major, flag[ta], flag[tb], size(m), size(n), size(k), real(1), memory(a.int_ptr),
            size(0), size(m if ta else k), memory(b.int_ptr), size(0), size(k if tb else n),
            real(0), memory(c.int_ptr), size(0), size(n), ctypes.byref(handle), None)
        assert code == 0, f"CLBlastSgemm returned {code}"
        queue.finish()

    return run


answer("CLBlast tuned", prepare)
