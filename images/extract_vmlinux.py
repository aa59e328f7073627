#!/usr/bin/env python3
"""Usage: extract_vmlinux.py BZIMAGE OUTPUT

Writes the uncompressed ELF kernel that a bzImage carries as its compressed payload. The payload is
found by the boot protocol's header (Linux, Documentation/x86/boot.rst: payload_offset and
payload_length, protocol 2.08 and later) and told apart by its magic number.
"""
import struct
import subprocess
import sys

SETUP_SECTS = 0x1F1
HEADER_MAGIC = 0x202
PROTOCOL = 0x206
PAYLOAD_OFFSET = 0x248
PAYLOAD_LENGTH = 0x24C

# Magic number of the payload, command that decompresses it, whether the kernel's build appends the
# uncompressed size (4 bytes) behind the compressed data.
FORMATS = [
    (b"\x1f\x8b", ["gzip", "-dc"], False),
    (b"\xfd7zXZ\0", ["xz", "-dc", "--single-stream"], True),
    (b"\x02\x21\x4c\x18", ["lz4", "-dc"], True),
    (b"\x28\xb5\x2f\xfd", ["zstd", "-dc"], True),
]


def payload_of(image):
    if len(image) < 0x268 or image[HEADER_MAGIC : HEADER_MAGIC + 4] != b"HdrS":
        raise ValueError("not a bzImage: no HdrS signature")
    (protocol,) = struct.unpack_from("<H", image, PROTOCOL)
    if protocol < 0x208:
        raise ValueError(f"boot protocol {protocol:#x} tells no payload; 0x208 is the least")
    protected_mode = ((image[SETUP_SECTS] or 4) + 1) * 512
    offset, length = struct.unpack_from("<II", image, PAYLOAD_OFFSET)
    payload = image[protected_mode + offset : protected_mode + offset + length]
    if len(payload) != length or length < 8:
        raise ValueError("the image is truncated: its payload ends past the end of the file")
    return payload


def decompress(payload):
    for magic, command, has_size in FORMATS:
        if payload.startswith(magic):
            data = payload[:-4] if has_size else payload
            result = subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True)
            return result.stdout
    raise ValueError(f"unknown compression, magic {payload[:4].hex()}")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.splitlines()[0])
    try:
        with open(sys.argv[1], "rb") as source:
            kernel = decompress(payload_of(source.read()))
        if not kernel.startswith(b"\x7fELF"):
            raise ValueError("the payload is not an ELF file")
        with open(sys.argv[2], "wb") as target:
            target.write(kernel)
    except (ValueError, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"extract_vmlinux: {sys.argv[1]}: {error}")


if __name__ == "__main__":
    main()
