"""An interpreter of PTX, the code that NVIDIA's OpenCL compiler makes, as far as Retort's kernels need it.

The warps of a work-group run one after another, each until a barrier or its end, the last or the first one first;
so what is read without a barrier was not yet written, or is written over. In a warp each step does the instruction that the
hindmost threads have reached, for those that are there. Some groups run side by side. Every access is checked:
whether it is aligned and lies in the memory of an argument or of the group, whether whole warps take part where an
instruction wants them, and whether all of a group wait at the same barrier. Registers and shared memory begin with
all bits set.
Source: NVIDIA, PTX ISA 8.0.
"""
import re

import numpy as np

WARP = 32
# No recorded launch takes a tenth of these.
STEP_LIMIT = 5_000_000
TYPES = {"f16": np.float16, "f32": np.float32, "f64": np.float64}
for size in (8, 16, 32, 64):
    TYPES[f"b{size}"] = TYPES[f"u{size}"] = np.dtype(f"u{size // 8}").type
    TYPES[f"s{size}"] = np.dtype(f"i{size // 8}").type


class PTXError(Exception):
    """What a kernel does that it may not, or what this interpreter does not know."""


def bits_of(values):
    """The bits of numbers, as unsigned integers of their width."""
    return values if values.dtype == bool else values.view(f"u{values.dtype.itemsize}")


def brain_floats(bits):
    """bfloat16 as float32."""
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


class Kernel:
    """One entry of a module: its parameters, its shared memory and its instructions."""

    def __init__(self, module, name):
        found = re.search(rf"\.entry\s+{re.escape(name)}\s*\(", module)
        if not found:
            raise PTXError(f"there is no kernel {name}")
        start = module.index("{", found.end())
        end, depth = start, 0
        while True:
            depth += {"{": 1, "}": -1}.get(module[end], 0)
            end += 1
            if depth == 0:
                break
        head, body = module[found.end():start], re.sub(r"//[^\n]*", "", module[start + 1:end - 1])
        self.parameters = re.findall(r"\.param\s+\.(\w+)[^,)]*?\b([\w$]+)\s*(?=[,)]|$)", head)
        self.shared, self.shared_bytes = {}, 0
        outside = re.sub(r"\.entry.*?\n}", "", module, flags=re.S)
        for text in (outside, body):
            for align, kind, variable, count in re.findall(
                    r"\.shared\s+\.align\s+(\d+)\s+\.(\w+)\s+([\w$]+)(?:\[(\d+)\])?", text):
                if not re.search(rf"(?<![\w$]){re.escape(variable)}(?![\w$])", body):
                    continue
                self.shared_bytes += -self.shared_bytes % int(align)
                self.shared[variable] = self.shared_bytes
                self.shared_bytes += np.dtype(TYPES[kind]).itemsize * int(count or 1)
        # From one group's shared memory to the next one's.
        self.shared_stride = self.shared_bytes + -self.shared_bytes % 16
        self.registers = {}
        for kind, register, count in re.findall(r"\.reg\s+\.(\w+)\s+(%?[\w$]+)(?:<(\d+)>)?", body):
            kind = bool if kind == "pred" else np.dtype(f"u{int(kind[1:]) // 8}").type
            for name in [f"{register}{i}" for i in range(int(count))] if count else [register]:
                self.registers[name] = kind
        self.code, self.labels = [], {}
        for line in re.split(r";|(?<=:)\s*\n", body):
            self._add(line.strip())

    @property
    def uses_units(self):
        return any(operation[0] == "mma" for _, operation, _ in self.code)

    def _add(self, text):
        while found := re.match(r"([$\w]+):\s*|\{(?!%)\s*|\}\s*", text):
            if found[1]:
                self.labels[found[1]] = len(self.code)
            text = text[found.end():]
        if not text or text.startswith("."):
            return
        guard = re.match(r"@(!?)(%\w+)\s+", text)
        text = text[guard.end():] if guard else text
        operation, _, operands = text.partition("\t") if "\t" in text else text.partition(" ")
        operands = re.findall(r"\{[^}]*\}|\[[^\]]*\]|[^,\s][^,]*", operands)
        self.code.append(((guard[2], guard[1] == "!") if guard else None, operation.strip().split("."),
                          [operand.strip() for operand in operands]))


class Memory:
    """The memories of a launch in one range of addresses, with gaps between them that nobody may touch."""

    def __init__(self, contents):
        gap = 4096
        self.starts = []
        at = gap
        for content in contents:
            self.starts.append(at)
            at += (len(content) + gap) // 256 * 256 + gap
        self.bytes = np.zeros(at, np.uint8)
        self.is_valid = np.zeros(at, bool)
        for start, content in zip(self.starts, contents):
            self.bytes[start:start + len(content)] = np.frombuffer(content, np.uint8)
            self.is_valid[start:start + len(content)] = True

    def content(self, index, size):
        return self.bytes[self.starts[index]:self.starts[index] + size].tobytes()


class Groups:
    """Some work-groups of a launch while they run."""

    def __init__(self, kernel, memory, arguments, groups, local, group_counts):
        self.kernel, self.memory = kernel, memory
        self.size = int(np.prod(local))
        self.count = self.size * len(groups)
        item = np.arange(self.count) % self.size
        self.group = np.arange(self.count) // self.size
        self.special = {"%laneid": item % WARP}
        for axis, letter in enumerate("xyz"):
            before = int(np.prod(local[:axis]))
            self.special[f"%tid.{letter}"] = item // before % local[axis]
            self.special[f"%ctaid.{letter}"] = np.array([group[axis] for group in groups])[self.group]
            self.special[f"%ntid.{letter}"] = np.full(self.count, local[axis])
            self.special[f"%nctaid.{letter}"] = np.full(self.count, group_counts[axis])
            # OpenCL's driver tells a launch in parts which group comes first, the offset of the range, and the
            # groups of the whole range.
            self.special[f"%envreg{axis}"] = self.special[f"%envreg{3 + axis}"] = np.zeros(self.count, np.int64)
            self.special[f"%envreg{6 + axis}"] = self.special[f"%nctaid.{letter}"]
        self.parameters = {name: np.full(self.count, value, TYPES[kind])
                           for (kind, name), value in zip(kernel.parameters, arguments, strict=True)}
        self.warp = item // WARP
        self.values = {name: ~np.zeros(self.count, kind) for name, kind in kernel.registers.items()}
        self.shared = np.full(kernel.shared_stride * len(groups), 255, np.uint8)
        self.constants = {}
        # Of each warp, batches of copies to shared memory that are under way; the last is not committed yet.
        self.batches = {}

    def get(self, operand, kind):
        """An operand's value in every thread, as numbers of a type."""
        wanted = bool if kind == "pred" else TYPES[kind]
        if operand in self.values:
            value = self.values[operand]
            width = np.dtype(wanted).itemsize
            return value.view(wanted) if value.itemsize == width else value.astype(f"u{width}").view(wanted)
        key = operand, kind
        if key not in self.constants:
            self.constants[key] = self._constant(operand, wanted)
        return self.constants[key]

    def _constant(self, operand, wanted):
        if operand in self.special:
            return self.special[operand].astype(wanted)
        if operand in self.kernel.shared:
            return np.full(self.count, self.kernel.shared[operand], wanted)
        if found := re.fullmatch(r"0[fFdD]([0-9A-Fa-f]+)", operand):
            width = len(found[1]) // 2
            return np.full(self.count, int(found[1], 16), f"u{width}").view(wanted)
        if re.fullmatch(r"-?(0x[0-9A-Fa-f]+|\d+)U?", operand):
            width = np.dtype(wanted).itemsize
            return np.full(self.count, int(operand.rstrip("U"), 0) % (1 << 8 * width), f"u{width}").view(wanted)
        raise PTXError(f"{operand} is unknown")

    def put(self, register, value, mask):
        """Gives a register a value in the threads of a mask; with None, in all."""
        target = self.values[register]
        value = bits_of(np.ascontiguousarray(value))
        if mask is None:
            target[:] = value
        else:
            np.copyto(target, value, where=mask, casting="unsafe")

    def addresses(self, operand):
        base, _, offset = operand.strip("[]").partition("+")
        kind = "u32" if base in self.values and self.values[base].itemsize == 4 else "u64"
        return self.get(base, kind).astype(np.int64) + int(offset or 0)

    def places(self, space, address, width):
        """The bytes that threads touch, as positions in a memory; refuses what they may not touch."""
        if (address % width).any():
            raise PTXError(f"an access of {width} bytes in {space} memory is not aligned")
        if space == "global":
            bytes_, size = self.memory.bytes, self.memory.bytes.size
            wrong = (address < 0) | (address + width > size)
            if not wrong.any():
                wrong = ~(self.memory.is_valid[address] & self.memory.is_valid[address + width - 1])
        else:
            bytes_, size = self.shared, self.kernel.shared_bytes
            wrong = (address < 0) | (address + width > size)
        if wrong.any():
            raise PTXError(f"an access of {width} bytes lies outside of {space} memory")
        return bytes_

    def run(self, execute, last_first):
        """Runs until every thread has ended; `execute` does one instruction. Returns how many were done."""
        at = np.zeros(self.count, np.int64)
        alive, waiting = np.ones(self.count, bool), np.zeros(self.count, bool)
        steps, warps = 0, range(self.warp.max() + 1)
        while alive.any():
            for warp in reversed(warps) if last_first else warps:
                while (ready := alive & ~waiting & (self.warp == warp)).any():
                    self._step(execute, at, alive, waiting, ready)
                    steps += 1
                    if steps > STEP_LIMIT:
                        raise PTXError(f"does not end within {steps} steps")
            # Every thread has ended or waits: a group goes on when all that are left of it have come to one place.
            first, last = (np.where(waiting, at, end).reshape(-1, self.size) for end in (len(self.kernel.code), -1))
            if ((first.min(1) != last.max(1)) & waiting.reshape(-1, self.size).any(1)).any():
                raise PTXError("threads of a group wait at different barriers")
            waiting[:] = False
        return steps

    def _step(self, execute, at, alive, waiting, ready):
        now = at[ready].min()
        here = ready & (at == now)
        guard, operation, operands = self.kernel.code[now]
        mask = here & (self.values[guard[0]] != guard[1]) if guard else here
        name = operation[0]
        at[here] += 1
        if name == "bra":
            at[mask] = self.kernel.labels[operands[0]]
        elif name in ("ret", "exit"):
            alive &= ~mask
        elif name in ("bar", "barrier"):
            if operation[1] != "sync" or operands != ["0"]:
                raise PTXError(f"{'.'.join(operation)} {', '.join(operands)} is not built")
            waiting |= mask
        elif mask.any():
            execute(self, operation, operands, None if mask.all() else mask)
