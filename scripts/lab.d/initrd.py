"""Makes the initramfs of the lab's machine."""
import hashlib
import os
import shutil
import subprocess
import tempfile

_HERE = os.path.dirname(os.path.abspath(__file__))
_BUSYBOX = "/bin/busybox"
_MODULES = ["virtio_pci", "virtio_console", "virtiofs", "overlay", "kvm-amd"]


def _module_files(tree, release):
    """Paths of the modules, each after those that it needs."""
    files = []
    environment = dict(os.environ, PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    for module in _MODULES:
        lines = subprocess.run(
            ["modprobe", "-C", "/dev/null", "-d", tree, "-S", release, "--show-depends", module],
            check=True, stdout=subprocess.PIPE, text=True, env=environment,
        ).stdout.splitlines()
        for line in lines:
            path = line.split()[1]
            if path not in files:
                files.append(path)
    return files


def _cpio(folder, target):
    names = []
    for parent, folders, files in os.walk(folder):
        for name in sorted(folders + files):
            names.append(os.path.relpath(os.path.join(parent, name), folder))
    with open(target, "wb") as output:
        subprocess.run(
            ["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"], cwd=folder, check=True,
            input="\n".join(names).encode(), stdout=output,
        )


def _fill(folder, image, release):
    for name in ("bin", "dev", "proc", "sys", "host", "top", "new", "modules"):
        os.mkdir(os.path.join(folder, name))
    shutil.copy(_BUSYBOX, os.path.join(folder, "bin/busybox"))
    for name in ("sh", "mount", "umount", "insmod", "cat", "mkdir", "uname", "hostname", "ifconfig",
                 "poweroff", "echo"):
        os.symlink("busybox", os.path.join(folder, "bin", name))
    order = []
    for path in _module_files(os.path.join(image, "tree"), release):
        shutil.copy(path, os.path.join(folder, "modules"))
        order.append(os.path.basename(path))
    with open(os.path.join(folder, "modules/order"), "w", encoding="ascii") as output:
        output.write("\n".join(order) + "\n")
    shutil.copy(os.path.join(_HERE, "init"), os.path.join(folder, "init"))
    os.chmod(os.path.join(folder, "init"), 0o755)
    subprocess.run(
        ["gcc", "-O2", "-Wall", "-Wextra", "-static", "-o", os.path.join(folder, "relay"),
         os.path.join(_HERE, "relay.c")], check=True,
    )


def _inputs(image):
    digest = hashlib.sha256()
    for path in (__file__, os.path.join(_HERE, "init"), os.path.join(_HERE, "relay.c"),
                 os.path.join(image, ".stamp"), _BUSYBOX):
        with open(path, "rb") as source:
            digest.update(source.read())
    return digest.hexdigest()


def make(image, folder):
    """The path of an initramfs for the kernel of IMAGE, made in FOLDER unless it is there."""
    os.makedirs(folder, exist_ok=True)
    target = os.path.join(folder, f"initrd-{_inputs(image)[:16]}.cpio")
    if os.path.exists(target):
        return target
    with open(os.path.join(image, "release"), encoding="ascii") as source:
        release = source.read().strip()
    with tempfile.TemporaryDirectory(dir=folder) as work:
        stage = os.path.join(work, "stage")
        os.mkdir(stage)
        _fill(stage, image, release)
        _cpio(stage, os.path.join(work, "initrd.cpio"))
        os.replace(os.path.join(work, "initrd.cpio"), target)
    for name in os.listdir(folder):
        if name.startswith("initrd-") and os.path.join(folder, name) != target:
            os.unlink(os.path.join(folder, name))
    return target
