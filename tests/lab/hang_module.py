#!/usr/bin/env python3
"""hang_module.py MODULE OUT: makes a kernel module that hangs its CPU out of a stock one.

Loading OUT turns interrupts off and spins: its init function begins with `cli; jmp .`. So a stock
kernel can be made to hang, without a compiler for it.
"""
import struct
import sys

CLI_AND_SPIN = b"\xfa\xeb\xfe"
SIGNATURE = b"~Module signature appended~\n"
RELA, SYMTAB = 4, 2


def sections_of(image):
    (table,) = struct.unpack_from("<Q", image, 0x28)
    size, count = struct.unpack_from("<HH", image, 0x3a)
    fields = "type flags address offset size link info align entry".split()
    return [dict(zip(fields, struct.unpack_from("<IQQQQIIQQ", image, table + index * size + 4)))
            for index in range(count)]


def find_symbol(image, sections, wanted):
    table = next(each for each in sections if each["type"] == SYMTAB)
    names = sections[table["link"]]["offset"]
    for at in range(table["offset"], table["offset"] + table["size"], 24):
        name, _, _, section, value, _ = struct.unpack_from("<IBBHQQ", image, at)
        if image[names + name:image.index(b"\0", names + name)] == wanted:
            return section, value
    sys.exit(f"there is no {wanted.decode()}")


def relocated(image, sections, section):
    """The offsets in SECTION into which the loader writes."""
    places = set()
    for each in sections:
        if each["type"] != RELA or each["info"] != section:
            continue
        for at in range(each["offset"], each["offset"] + each["size"], 24):
            (place,) = struct.unpack_from("<Q", image, at)
            places.update(range(place, place + 4))
    return places


def main():
    with open(sys.argv[1], "rb") as file:
        image = bytearray(file.read())
    if image.endswith(SIGNATURE):  # It would be wrong.
        (size,) = struct.unpack_from(">I", image, len(image) - len(SIGNATURE) - 4)
        del image[len(image) - len(SIGNATURE) - 12 - size:]
    sections = sections_of(image)
    section, at = find_symbol(image, sections, b"init_module")
    written = relocated(image, sections, section)
    start = sections[section]["offset"]
    # What the loader writes to stays: endbr64 and a call for the tracer do no harm.
    if image[start + at:start + at + 4] == b"\xf3\x0f\x1e\xfa":
        at += 4
    if image[start + at] == 0xe8:
        at += 5
    if written & set(range(at, at + len(CLI_AND_SPIN))):
        sys.exit("its init function begins with what the loader writes")
    image[start + at:start + at + len(CLI_AND_SPIN)] = CLI_AND_SPIN
    with open(sys.argv[2], "wb") as file:
        file.write(image)


main()
