#!/usr/bin/env python3
"""Usage: check.py [--root DIR]

Checks that the house keeps its order: a room (a folder with a library of its own) includes and
links only rooms that come before it, what it includes it also links, and the top level holds
nothing that does not belong there. And no two files of a room give their own things the same name:
they may be one translation unit (HIVE_UNITY). Prints every breach as `file:line: what`; exits with 1 if there
is any.
"""
import argparse
import os
import re
import subprocess
import sys

# Each room may use those before it.
ROOMS = [
    "guests/abi", "policy",
    "vmm/base", "vmm/plan", "vmm/memory", "vmm/kvm", "vmm/boot", "vmm/dump", "vmm/device", "vmm/cell",
    "cellmon/wire", "cellmon/metrics", "cellmon/firewall", "cellmon/mesh", "cellmon/detect", "cellmon/agree",
    "cellmon/recover", "cellmon/member", "cellmon/sharing", "cellmon/placement", "cellmon/inject", "cellmon/campaign",
    "cellmon/control", "cellmon/cli",
    "guests/sdk", "guests/ctl", "guests/workloads", "guests/agent", "guests/bare", "guests/micro", "guests/wax",
    "tests",
]
ORDER = {room: place for place, room in enumerate(ROOMS)}
OF_LIBRARY = {"hive_" + room.rsplit("/", 1)[-1]: room for room in ROOMS}
TOP_LEVEL = {
    "CMakeLists.txt", "CMakePresets.json", "README.md", "CHANGELOG.md", "CONTRIBUTING.md",
    "LICENSE", ".clang-format", ".clang-tidy", ".gitattributes", ".gitignore", ".ci",
    "docs", "examples", "vmm", "cellmon", "policy", "guests", "images", "tests", "scripts",
}
NOT_THE_PROJECTS = {".git", "build", ".cache"}
SOURCE = re.compile(r"\.(h|hpp|c|cc|cpp|S)$")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
OWN = re.compile(
    r"(?:(?:static|inline) )*(?:constexpr|const|constinit)\b[^()=;{]*?\b(\w+)(?:\[[^\]]*\])?\s*[={(]"
    r"|(?:struct|class|enum class|enum|union) (\w+)\b(?!.*;$)")
COMMAND = re.compile(r"\b(hive_room|hive_program|hive_test|hive_fuzz|target_link_libraries)\s*\(([^)]*)\)")


def room_of(path):
    """The room that file PATH is in, or None."""
    parts = path.split("/")
    for length in (2, 1):
        room = "/".join(parts[:length])
        if len(parts) > length and room in ORDER:
            return room
    return None


def project_files(root):
    """Paths of the project's files below ROOT: what git tracks, or everything where git does not."""
    listing = subprocess.run(
        ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False,
    )
    if listing.returncode == 0 and os.path.exists(os.path.join(root, ".git")):
        return sorted(p for p in listing.stdout.split("\0") if p and os.path.exists(os.path.join(root, p)))
    files = []
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if folder != root or f not in NOT_THE_PROJECTS]
        files += [os.path.relpath(os.path.join(folder, name), root) for name in names]
    return sorted(files)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as source:
        return source.read()


def check_top_level(files):
    breaches = []
    for entry in sorted({path.split("/")[0] for path in files}):
        if entry not in TOP_LEVEL:
            breaches.append(f"{entry}:1: does not belong on the top level")
    return breaches


def includes_of(root, path):
    """(line, included path) of each quoted include of file PATH."""
    for number, line in enumerate(read(root, path).splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1)


def links_of_rooms(root, files):
    """For each room: {linked room: (file, line)}, from its CMakeLists.txt."""
    links = {room: {} for room in ROOMS}
    for path in files:
        room = room_of(path)
        if room is None or room == "tests" or os.path.basename(path) != "CMakeLists.txt":
            continue
        text = re.sub(r"#.*", "", read(root, path))
        for match in COMMAND.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            for word in match.group(2).split()[1:]:
                if word in OF_LIBRARY:
                    links[room].setdefault(OF_LIBRARY[word], (path, line))
    return links


def reachable(links, room):
    """The rooms that ROOM links, directly or through others, and itself."""
    seen, ahead = set(), [room]
    while ahead:
        current = ahead.pop()
        if current not in seen:
            seen.add(current)
            ahead += links[current]
    return seen


def check_links(links):
    breaches = []
    for room, linked in links.items():
        for other, (path, line) in linked.items():
            if ORDER[other] > ORDER[room]:
                breaches.append(f"{path}:{line}: {room} links {other}, which comes after it")
    return breaches


def check_includes(root, files, links):
    breaches = []
    for path in files:
        room = room_of(path)
        if room is None or not SOURCE.search(path):
            continue
        allowed = reachable(links, room)
        for line, included in includes_of(root, path):
            other = room_of(included)
            if other is None:
                breaches.append(f'{path}:{line}: "{included}" does not start with a room')
            elif ORDER[other] > ORDER[room]:
                breaches.append(f"{path}:{line}: {room} includes {other}, which comes after it")
            elif room != "tests" and other not in allowed:
                breaches.append(f"{path}:{line}: {room} includes {other} but does not link it")
    return breaches


def own_names(text):
    """(line, enclosing namespace, name) of the constants and types in TEXT's unnamed namespaces."""
    enclosing, inside = "", False
    for number, line in enumerate(text.splitlines(), 1):
        if line == "namespace {":
            inside = True
        elif line.startswith("namespace "):
            enclosing = line
        elif line == "}  // namespace":
            inside = False
        match = OWN.match(line) if inside else None
        if match:
            yield number, enclosing, match.group(1) or match.group(2)


def check_names(root, files):
    found, breaches = {}, []
    for path in files:
        room = room_of(path)
        if not path.endswith(".cpp") or not room or room.startswith(("guests/", "tests")):
            continue  # Guests' files are compiled by themselves; tests are not one room.
        for number, enclosing, name in own_names(read(root, path)):
            first = found.setdefault((room, enclosing, name), path)
            if first != path:
                breaches.append(f"{path}:{number}: {name} is in an unnamed namespace of {first}, too")
    return breaches


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[1])
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument("--root", default=os.path.dirname(os.path.dirname(here)))
    root = parser.parse_args().root
    files = project_files(root)
    links = links_of_rooms(root, files)
    breaches = check_top_level(files) + check_links(links) + check_includes(root, files, links) \
        + check_names(root, files)
    for breach in breaches:
        print(breach)
    sources = sum(1 for path in files if room_of(path) and SOURCE.search(path))
    print(f"layering: {sources} source files in {len(ROOMS)} rooms, {len(breaches)} breaches")
    if sources == 0:
        sys.exit(f"no source files below {root}")
    sys.exit(1 if breaches else 0)


if __name__ == "__main__":
    main()
