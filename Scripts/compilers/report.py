"""What compilers made of kernels: one line per kernel and target, and the programs that spill.

report.py TARGET FOLDER reads what a compiler left in FOLDER: NUMBER.log of NVIDIA's assembler and, where it spilt,
NUMBER.sass of its disassembler; NUMBER.code of AMD's compiler (metadata in the note of the code object); NUMBER.bin
of Intel's (section .ze_info). Exits with 1 where a kernel spills registers into memory, on NVIDIA's in a loop.
"""
import collections
import pathlib
import re
import struct
import sys

Kernel = collections.namedtuple("Kernel", "name registers spilled local lanes is_bad")


def sections(data):
    """Name and content of an ELF file's sections."""
    start, = struct.unpack_from("<Q", data, 40)
    count, names = struct.unpack_from("<HH", data, 60)
    headers = [struct.unpack_from("<IIQQQQIIQQ", data, start + 64 * i) for i in range(count)]
    for header in headers:
        first = headers[names][4] + header[0]
        yield data[first:data.index(b"\0", first)].decode(), data[header[4]:header[4] + header[5]]


def unpacked(data, at=0):
    """A MessagePack value and where the next one begins; the kinds that AMD's metadata has."""
    tag = data[at]
    at += 1
    lengths = {0xC4: ">B", 0xD9: ">B", 0xDA: ">H", 0xDB: ">I", 0xDC: ">H", 0xDD: ">I", 0xDE: ">H", 0xDF: ">I"}
    numbers = {0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}
    if tag < 0x80:
        return tag, at
    if tag >= 0xE0:
        return tag - 256, at
    if tag in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[tag], at
    if tag in numbers:
        return struct.unpack_from(numbers[tag], data, at)[0], at + struct.calcsize(numbers[tag])
    if tag in lengths:
        length = struct.unpack_from(lengths[tag], data, at)[0]
        at += struct.calcsize(lengths[tag])
    else:
        length = tag & (0x1F if 0xA0 <= tag < 0xC0 else 0x0F)
    if 0x80 <= tag < 0x90 or tag in (0xDE, 0xDF):
        result = {}
        for _ in range(length):
            key, at = unpacked(data, at)
            result[key], at = unpacked(data, at)
        return result, at
    if 0x90 <= tag < 0xA0 or tag in (0xDC, 0xDD):
        result = []
        for _ in range(length):
            value, at = unpacked(data, at)
            result.append(value)
        return result, at
    return data[at:at + length].decode(errors="replace"), at + length


def of_amd(path):
    for name, content in sections(path.read_bytes()):
        if name != ".note":
            continue
        name_size, = struct.unpack_from("<I", content)
        metadata, _ = unpacked(content, 12 + (name_size + 3) // 4 * 4)
        for kernel in metadata["amdhsa.kernels"]:
            # Scalar registers spill into lanes of vector registers, not into memory.
            spilled = 4 * kernel[".vgpr_spill_count"]
            yield Kernel(kernel[".name"], kernel[".vgpr_count"], spilled, kernel[".group_segment_fixed_size"],
                         kernel[".wavefront_size"], spilled > 0)


def of_intel(path):
    for name, content in sections(path.read_bytes()):
        if name != ".ze_info":
            continue
        text = content.decode(errors="replace").split("\nkernels_misc_info")[0]
        for part in re.split(r"\n  - name:", text)[1:]:
            def number(key):
                found = re.search(rf"{key}:\s*(\d+)", part)
                return int(found[1]) if found else 0
            yield Kernel(part.split("\n")[0].strip().strip("'\""), number("grf_count"), number("spill_size"),
                         number("slm_size"), number("simd_size"), number("spill_size") > 0)


def spills_in_loop(path):
    """Whether a function of a disassembly spills between a label and a jump back to it."""
    for text in path.read_text().split("\n.text.")[1:]:
        labels, loops, spills = {}, [], []
        for at, line in enumerate(text.split("\n")):
            if label := re.match(r"\s*(\.L_x_\d+):", line):
                labels[label[1]] = at
            jump = re.search(r"BRA `\((\.L_x_\d+)\)", line)
            if jump and jump[1] in labels:
                loops.append((labels[jump[1]], at))
            if "SpillRefill" in line:
                spills.append(at)
        if any(first <= at <= last for at in spills for first, last in loops):
            return True
    return False


def of_nvidia(path):
    code = path.with_suffix(".sass")
    for part in path.read_text().split("Compiling entry function '")[1:]:
        def number(pattern):
            found = re.search(pattern, part)
            return int(found[1]) if found else 0
        spilled = number(r"(\d+) bytes spill stores")
        yield Kernel(part.split("'")[0], number(r"Used (\d+) registers"), spilled, number(r"(\d+) bytes smem"), 32,
                     spilled > 0 and spills_in_loop(code))


READERS = {".log": of_nvidia, ".code": of_amd, ".bin": of_intel}


def main(target, folder):
    rows = collections.defaultdict(list)
    spills = []
    unread = 0
    for path in sorted(pathlib.Path(folder).iterdir()):
        if path.suffix != ".cl":
            continue
        results = [path.with_suffix(suffix) for suffix in READERS if path.with_suffix(suffix).exists()]
        kernels = [kernel for result in results for kernel in READERS[result.suffix](result)]
        unread += not kernels
        for kernel in kernels:
            rows[kernel.name].append(kernel)
            if kernel.is_bad:
                options = path.with_suffix(".options").read_text()
                spills.append(f"{target} {kernel.name} spills {kernel.spilled} bytes, "
                              f"{kernel.lanes} lanes ({path.stem}): {options}")
    for name, kernels in sorted(rows.items()):
        spilling = sum(1 for kernel in kernels if kernel.spilled)
        lanes = "/".join(str(x) for x in sorted({kernel.lanes for kernel in kernels}))
        print(f"{target:8} {name:32} {len(kernels):8} {max(k.registers for k in kernels):9} {lanes:>8} "
              f"{max(k.local for k in kernels):11} {spilling:8} {max(k.spilled for k in kernels):11}")
    for line in spills:
        print(line, file=sys.stderr)
    if unread or not rows:
        print(f"{target}: of {unread} programs no kernel was found in what the compiler left", file=sys.stderr)
    return 1 if spills or unread or not rows else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
