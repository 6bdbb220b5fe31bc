"""What each PTX instruction does to the registers and the memory of some work-groups (see ptx.py).

Source: NVIDIA, PTX ISA 8.0, sections 9.7.1 to 9.7.14; the fragments of mma are in section 9.7.14.5.
"""
import numpy as np

from ptx import PTXError, TYPES, WARP, brain_floats

# What may follow the name of an instruction; other modifiers change what it does in ways that are not built.
MODIFIERS = (
    {"approx", "full", "rn", "rm", "rni", "rzi", "rmi", "rpi", "lo", "hi", "wide", "pred", "to", "nc", "uni"}
    | {"param", "global", "shared", "v2", "v4", "sync", "aligned", "m8n8", "x1", "x2", "x4", "trans", "row", "col"}
    | {"m16n8k16", "m16n8k8", "bf16", "async", "cg", "commit_group", "wait_group"} | set(TYPES))
# Those that only some have.
SPECIAL = {("cvt", "sat"), ("fma", "sat"), ("ex2", "ftz"), ("cvt", "ftz")}

WIDER = {"s16": "s32", "u16": "u32", "s32": "s64", "u32": "u64"}


def divided(x, y):
    """Integers divided towards zero; a divisor of 0 gives what nobody may use."""
    y = np.where(y == 0, 1, y).astype(y.dtype)
    quotient = x // y
    return quotient + ((quotient < 0) & (quotient * y != x)).astype(x.dtype) if x.dtype.kind == "i" else quotient


BINARY = {
    "add": np.add, "sub": np.subtract, "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
    "min": lambda x, y: np.fmin(x, y) if x.dtype.kind == "f" else np.minimum(x, y),
    "max": lambda x, y: np.fmax(x, y) if x.dtype.kind == "f" else np.maximum(x, y),
    "div": lambda x, y: x / y if x.dtype.kind == "f" else divided(x, y),
    "rem": lambda x, y: x - divided(x, y) * y,
}
UNARY = {
    "neg": np.negative, "abs": np.abs, "not": np.invert, "ex2": np.exp2, "lg2": np.log2, "sqrt": np.sqrt,
    "rcp": lambda x: 1 / x, "rsqrt": lambda x: 1 / np.sqrt(x), "sin": np.sin, "cos": np.cos, "mov": lambda x: x,
    "cvta": lambda x: x,
}
COMPARISONS = {
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal,
    "ne": lambda x, y: (x < y) | (x > y), "lo": np.less, "ls": np.less_equal, "hi": np.greater,
    "hs": np.greater_equal, "num": lambda x, y: (x == x) & (y == y), "nan": lambda x, y: (x != x) | (y != y),
}
for name in ("lt", "le", "gt", "ge", "eq", "ne"):
    COMPARISONS[name + "u"] = lambda x, y, of=COMPARISONS[name]: of(x, y) | (x != x) | (y != y)
ROUNDINGS = {"rni": np.rint, "rzi": np.trunc, "rmi": np.floor, "rpi": np.ceil}


def names(operand):
    return [name.strip() for name in operand.strip("{} ").split(",")]


def saturated(value):
    """In [0, 1]; what is no number becomes 0."""
    return np.where(np.isnan(value), np.float32(0), np.clip(value, 0, 1))


def multiplied(groups, operation, operands, kind):
    """mul, mad and fma: x y, the sum with z, in the part that is asked for."""
    x, y = groups.get(operands[0], kind), groups.get(operands[1], kind)
    if kind[0] == "f":
        if operation[0] == "mul":
            return x * y
        # In float64 the product is exact, and the sum nearly so.
        total = x.astype(np.float64) * y + groups.get(operands[2], kind)
        result = total.astype(np.float32)
        if "rm" in operation:
            result = np.where(result > total, np.nextafter(result, np.float32(-np.inf)), result)
        return saturated(result) if "sat" in operation else result.astype(x.dtype)
    part = operation[1]
    if part in ("wide", "hi"):
        wide = TYPES[WIDER[kind]]
        product = x.astype(wide) * y.astype(wide)
        if part == "hi":
            product = (product >> wide(8 * x.itemsize)).astype(x.dtype)
    else:
        product = x * y
    if operation[0] == "mul":
        return product
    return product + groups.get(operands[2], WIDER[kind] if part == "wide" else kind)


def converted(groups, operation, operand):
    """cvt: between types, rounded and kept in range as it says."""
    to, of = operation[-2], operation[-1]
    value = groups.get(operand, of)
    wanted = TYPES[to]
    for mode, rounded in ROUNDINGS.items():
        if mode in operation:
            value = rounded(value)
    if of[0] == "f" and to[0] in "su":
        limits = np.iinfo(wanted)
        value = np.where(np.isnan(value), 0, np.clip(value.astype(np.float64), limits.min, limits.max))
    elif "sat" in operation:
        value = saturated(value)
    return value.astype(wanted)


def shifted(groups, operation, operands, kind):
    x, by = groups.get(operands[0], kind), groups.get(operands[1], "u32").astype(np.int64)
    width = 8 * x.itemsize
    safe = np.minimum(by, width - 1).astype(x.dtype)
    if operation[0] == "shl":
        return np.where(by < width, x << safe, x.dtype.type(0))
    return np.where((by < width) | (x.dtype.kind == "i"), x >> safe, x.dtype.type(0))


def permuted(x, y, selector):
    """prmt in its plain mode: four bytes of the eight in x and y."""
    both = x.astype(np.uint64) | y.astype(np.uint64) << np.uint64(32)
    result = np.zeros(x.shape, np.uint64)
    for i in range(4):
        which = (selector >> np.uint32(4 * i)).astype(np.uint64)
        byte = (both >> ((which & np.uint64(7)) * np.uint64(8))) & np.uint64(255)
        signs = np.where(byte & np.uint64(128), np.uint64(255), np.uint64(0))
        result |= np.where(which & np.uint64(8), signs, byte) << np.uint64(8 * i)
    return result.astype(np.uint32)


def moved(groups, kind, operands, mask):
    """mov between a register and the halves of one."""
    half = f"u{np.dtype(TYPES[kind]).itemsize * 4}"
    if operands[1].startswith("{"):
        low, high = (groups.get(name, half).astype(TYPES[kind]) for name in names(operands[1]))
        groups.put(operands[0], low | high << TYPES[kind](np.dtype(TYPES[half]).itemsize * 8), mask)
    else:
        halves = np.ascontiguousarray(groups.get(operands[1], kind)).view(TYPES[half]).reshape(-1, 2)
        for i, name in enumerate(names(operands[0])):
            groups.put(name, halves[:, i], mask)


def accessed(groups, operation, operands, mask):
    """ld and st, of one element or a vector of some."""
    kind = operation[-1]
    count = next((int(part[1]) for part in operation if part in ("v2", "v4")), 1)
    space = next((part for part in operation if part in ("param", "global", "shared")), None)
    if space is None:
        raise PTXError(f"{'.'.join(operation)} is not built: only parameters, global and shared memory are")
    if space == "param":
        groups.put(operands[0], groups.parameters[operands[1].strip("[]")], mask)
        return
    item = np.dtype(TYPES[kind])
    where = slice(None) if mask is None else mask
    address = groups.addresses(operands[1] if operation[0] == "ld" else operands[0])[where]
    memory = groups.places(space, address, count * item.itemsize)
    if space == "shared":
        address = address + groups.group[where] * groups.kernel.shared_stride
    elements = memory.view(item)
    if operation[0] == "ld":
        for i, name in enumerate(names(operands[0])):
            value = elements[address // item.itemsize + i]
            # A narrow load fills a wide register with zeros, or with the sign.
            width = groups.values[name].itemsize
            if width != item.itemsize:
                value = value.astype(f"{value.dtype.kind}{width}")
            groups.values[name][where] = value.view(f"u{width}")
    else:
        for i, name in enumerate(names(operands[1])):
            elements[address // item.itemsize + i] = groups.get(name, kind)[where]


def whole_warps(groups, mask, operation):
    """The warps that take part in an instruction, all lanes of each."""
    if groups.size % WARP:
        raise PTXError(f"{'.'.join(operation)} in a group of {groups.size} threads")
    lanes = np.ones((groups.count // WARP, WARP), bool) if mask is None else mask.reshape(-1, WARP)
    if (lanes.any(1) != lanes.all(1)).any():
        raise PTXError(f"{'.'.join(operation)} with a part of a warp")
    return lanes[:, 0]


def matrices_loaded(groups, operation, operands, mask):
    """ldmatrix: 8 x 8 matrices of 16-bit numbers; lanes 8 i to 8 i + 7 have the addresses of matrix i's rows."""
    warps = whole_warps(groups, mask, operation)
    address = groups.addresses(operands[1]).reshape(-1, WARP)[warps]
    first = (groups.group.reshape(-1, WARP)[warps, :1]) * groups.kernel.shared_stride
    targets = names(operands[0])
    for i, name in enumerate(targets):
        rows = address[:, 8 * i:8 * i + 8]
        groups.places("shared", rows, 16)
        halves = groups.shared.view(np.uint16)[((rows + first) // 2)[..., None] + np.arange(8)]
        if "trans" in operation:
            halves = halves.swapaxes(1, 2)
        words = np.ascontiguousarray(halves).view(np.uint32).reshape(len(rows), WARP)
        groups.values[name].reshape(-1, WARP)[warps] = words


def copied_later(groups, operation, operands, mask):
    """cp.async of 16 bytes: what is asked for comes at the wait for its batch, zeros where it asks for none."""
    if operation[1:] == ["async", "cg", "shared", "global"]:
        where = np.arange(groups.count) if mask is None else np.flatnonzero(mask)
        count = groups.get(operands[3], "u32")[where] if len(operands) > 3 else np.full(len(where), 16)
        if operands[2] != "16" or not np.isin(count, (0, 16)).all():
            raise PTXError("cp.async of other than 16 bytes is not built")
        to, of = (groups.addresses(operand)[where] for operand in operands[:2])
        groups.places("shared", to, 16)
        groups.places("global", of[count > 0], 16)
        for warp in np.unique(where // WARP):
            mine = where // WARP == warp
            groups.batches.setdefault(warp, [[]])[-1].append((where[mine], to[mine], of[mine], count[mine]))
        return
    if operation[1:] not in (["async", "commit_group"], ["async", "wait_group"]):
        raise PTXError(f"{'.'.join(operation)} is not built")
    for warp in np.flatnonzero(whole_warps(groups, mask, operation)):
        batches = groups.batches.setdefault(warp, [[]])
        if operation[2] == "commit_group":
            batches.append([])
        while operation[2] == "wait_group" and len(batches) - 1 > int(operands[0]):
            for where, to, of, count in batches.pop(0):
                at = (to + groups.group[where] * groups.kernel.shared_stride)[:, None] + np.arange(16)
                groups.shared[at] = 0
                groups.shared[at[count > 0]] = groups.memory.bytes[of[count > 0][:, None] + np.arange(16)]


def matrices_multiplied(groups, operation, operands, mask):
    """mma.m16n8k16 and m16n8k8 with f32 sums: D = A B + C, a fragment of each in every lane."""
    shape, kind = operation[3], operation[7]
    if shape not in ("m16n8k16", "m16n8k8") or operation[4:6] != ["row", "col"] or operation[6] != "f32":
        raise PTXError(f"{'.'.join(operation)} is not built")
    warps = whole_warps(groups, mask, operation)
    depth = int(shape[6:])
    lane = np.arange(WARP)
    row, pair = lane // 4, lane % 4 * 2
    count = int(warps.sum())

    def pairs(name):
        halves = np.ascontiguousarray(groups.get(name, "b32").reshape(-1, WARP)[warps]).view(np.uint16)
        numbers = brain_floats(halves) if kind == "bf16" else halves.view(np.float16)
        return numbers.astype(np.float64).reshape(count, WARP, 2)

    a, b, c = np.zeros((count, 16, depth)), np.zeros((count, depth, 8)), np.zeros((count, 16, 8))
    for i, name in enumerate(names(operands[1])):
        for j in range(2):
            a[:, row + 8 * (i % 2), pair + j + 8 * (i // 2)] = pairs(name)[:, :, j]
    for i, name in enumerate(names(operands[2])):
        for j in range(2):
            b[:, pair + j + 8 * i, row] = pairs(name)[:, :, j]
    for i, name in enumerate(names(operands[3])):
        c[:, row + 8 * (i // 2), pair + i % 2] = groups.get(name, "f32").reshape(-1, WARP)[warps]
    result = (a @ b + c).astype(np.float32)
    for i, name in enumerate(names(operands[0])):
        groups.values[name].reshape(-1, WARP)[warps] = np.ascontiguousarray(
            result[:, row + 8 * (i // 2), pair + i % 2]).view(np.uint32)


def execute(groups, operation, operands, mask):
    """Does one instruction in the threads of a mask; None is all."""
    name, kind = operation[0], operation[-1]
    get = groups.get
    for part in operation[1:]:
        if part not in MODIFIERS and (name, part) not in SPECIAL and not (name == "setp" and part in COMPARISONS):
            raise PTXError(f"{'.'.join(operation)}: .{part} is not built")
    if name in ("ld", "st"):
        return accessed(groups, operation, operands, mask)
    if name == "ldmatrix":
        return matrices_loaded(groups, operation, operands, mask)
    if name == "cp":
        return copied_later(groups, operation, operands, mask)
    if name == "mma":
        return matrices_multiplied(groups, operation, operands, mask)
    if name == "mov" and "{" in operands[0] + operands[1]:
        return moved(groups, kind, operands, mask)
    if name in ("mul", "mad", "fma"):
        value = multiplied(groups, operation, operands[1:], kind)
    elif name == "cvt":
        value = converted(groups, operation, operands[1])
    elif name in ("shl", "shr"):
        value = shifted(groups, operation, operands[1:], kind)
    elif name == "prmt" and operation == ["prmt", "b32"]:
        value = permuted(*(get(operand, "u32") for operand in operands[1:]))
    elif name == "setp" and len(operands) == 3 and "|" not in operands[0]:
        value = COMPARISONS[operation[1]](get(operands[1], kind), get(operands[2], kind))
    elif name == "selp":
        value = np.where(get(operands[3], "pred"), get(operands[1], kind), get(operands[2], kind))
    elif name in BINARY and len(operands) == 3 and "sat" not in operation:
        value = BINARY[name](get(operands[1], kind), get(operands[2], kind))
    elif name in UNARY and len(operands) == 2:
        value = UNARY[name](get(operands[1], kind))
    else:
        raise PTXError(f"{'.'.join(operation)} {', '.join(operands)} is not built")
    groups.put(operands[0], value, mask)
