"""sgemm of OpenBLAS; the environment chooses its kernel (OPENBLAS_CORETYPE) and threads."""
import ctypes
import os

import numpy

from cases import answer, product

library = ctypes.CDLL("libopenblas.so.0")
floats = numpy.ctypeslib.ndpointer(numpy.float32)
integer, real = ctypes.c_int, ctypes.c_float
library.cblas_sgemm.argtypes = (
    [integer] * 6 + [real, floats, integer, floats, integer, real, floats, integer])
library.openblas_get_corename.restype = ctypes.c_char_p


def prepare(case):
    if product(case) is None:
        return None
    m, n, k, ta, tb = product(case)
    a = numpy.random.rand(*((k, m) if ta else (m, k))).astype(numpy.float32)
    b = numpy.random.rand(*((n, k) if tb else (k, n))).astype(numpy.float32)
    c = numpy.zeros((m, n), numpy.float32)
    row_major, flag = 101, {False: 111, True: 112}
    return lambda: library.cblas_sgemm(
        row_major, flag[ta], flag[tb], m, n, k, 1.0, a, a.shape[1], b, b.shape[1], 0.0, c, n)


kind = library.openblas_get_corename().decode()
answer("OpenBLAS " + kind, prepare)
