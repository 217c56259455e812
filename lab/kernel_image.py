"""The kernel as an ELF file out of a vmlinuz. QEMU starts such a kernel directly (PVH); under emulation that saves
the guest the half second of unpacking itself."""

import bz2
import lzma
import zlib

_MAGICS = {b"\x1f\x8b\x08": lambda data: zlib.decompressobj(31).decompress(data),
           b"\xfd7zXZ\x00": lambda data: lzma.LZMADecompressor().decompress(data),
           b"BZh": lambda data: bz2.BZ2Decompressor().decompress(data),
           b"\x02\x21\x4c\x18": lambda data: _lz4_legacy(data)}


def extract(vmlinuz):
    """The ELF kernel, or None where it is packed in a way that is not known here (then vmlinuz itself does)."""
    for magic, unpack in _MAGICS.items():
        at = vmlinuz.find(magic)
        while at >= 0:
            try:
                kernel = unpack(vmlinuz[at:])
            except (OSError, EOFError, ValueError, IndexError, lzma.LZMAError, zlib.error):
                kernel = b""
            if kernel.startswith(b"\x7fELF"):
                return kernel
            at = vmlinuz.find(magic, at + 1)
    return None


def _lz4_legacy(data):
    """Blocks of at most 8 MiB, each with its packed size before it; the kernel's length in front of nothing ends it."""
    out, at = [], 4
    while at + 4 <= len(data):
        size = int.from_bytes(data[at:at + 4], "little")
        block = data[at + 4:at + 4 + size]
        if size == 0 or size > 9 << 20 or len(block) < size:
            break
        try:
            out.append(_lz4_block(block))
        except IndexError:
            break
        at += 4 + size
    return b"".join(out)


def _longer(block, at, length):
    """A length that fills its half of the token goes on in bytes, of which the last is below 255. It, and what follows."""
    while True:
        more = block[at]
        at, length = at + 1, length + more
        if more != 255:
            return length, at


def _lz4_block(block):
    out, at, end = bytearray(), 0, len(block)
    while at < end:
        token = block[at]
        at += 1
        literals = token >> 4
        if literals == 15:
            literals, at = _longer(block, at, literals)
        out += block[at:at + literals]
        at += literals
        if at >= end:
            break
        distance = block[at] | block[at + 1] << 8
        at += 2
        length = token & 15
        if length == 15:
            length, at = _longer(block, at, length)
        length += 4
        start = len(out) - distance
        if start < 0 or distance == 0:
            raise IndexError("not an LZ4 block")
        if distance >= length:
            out += out[start:start + length]
        else:
            piece = bytes(out[start:])
            out += (piece * (length // distance + 1))[:length]
    return bytes(out)
