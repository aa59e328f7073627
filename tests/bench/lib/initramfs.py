"""An initramfs with more in it."""


def _entry(number, name, mode, data=b""):
    fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + name + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def append(first, path, content, folders=()):
    """Writes to PATH what is in file FIRST, and behind it FOLDERS, and programs: CONTENT is {name: bytes},
    names being bytes too. The kernel unpacks both."""
    with open(first, "rb") as source, open(path, "wb") as target:
        start = source.read()
        target.write(start + bytes(-len(start) % 512))
        for number, name in enumerate(folders, 1):
            target.write(_entry(number, name, 0o040755))
        for number, (name, data) in enumerate(content.items(), 1 + len(folders)):
            target.write(_entry(number, name, 0o100755, data))
        target.write(_entry(0, b"TRAILER!!!", 0))


def append_programs(first, path, programs):
    """The same with files: {name: file}. Their folders are there already."""
    content = {}
    for name, file in programs.items():
        with open(file, "rb") as source:
            content[name.encode()] = source.read()
    append(first, path, content)
