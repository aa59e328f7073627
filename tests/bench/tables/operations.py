"""Table 7.3's operations: how long one takes within a cell, and across cells."""
import json

PROGRAM = "/bin/table_operations"
SERVICE = "table"
SERVE = (f"hivectl rpc serve --echo --workers 0 {SERVICE} </dev/null >/tmp/serving 2>&1 & "
         "echo $! >/tmp/server; sleep 2")


def prepare(home, other):
    """Has both cells make the memory that they measure with."""
    for cell in (home, other):
        cell.run(f"{PROGRAM} prepare")


def measure(home, other, turn, count):
    """{operation: {"local": ns, "remote": ns}}, as cell OTHER sees its own memory and HOME's."""
    found = json.loads(other.run(f"{PROGRAM} measure {home.name} {turn} {count}", 200))
    found = {name: {side: value for side, value in each.items() if value >= 0}
             for name, each in found.items()}
    home.run(SERVE)
    # From its own cell nobody calls: there is no vsock to oneself.
    answer = json.loads(other.run(
        f"hivectl rpc bench {home.name}:{SERVICE} --calls {count} --sizes 0,4096 --timeout 60", 200))
    for name, size in zip(("null RPC", "RPC of 4 KiB"), answer["sizes"]):
        found[name] = {"remote": size["median"]}
    home.run("kill $(cat /tmp/server)")
    return found
