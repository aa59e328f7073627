"""What the guests boot that are measured: the project's initramfs, with rpc_peer and a few modules
added."""
import os
import subprocess

from lib.initramfs import append
from lib.lab_guests import IMAGE, ROOT

PROGRAM = os.path.join(ROOT, "build/release/bin/rpc_peer")
RAM_MIB = 128
SETUP = "/bench/setup"
GUEST_MODULES = ["virtio_net", "vfio_iommu_type1", "vfio-pci", "uio_pci_generic",
                 "vmw_vsock_virtio_transport"]


def module_files(names):
    """Paths of the modules of the image's kernel, each after those that it needs."""
    with open(os.path.join(IMAGE, "release"), encoding="ascii") as source:
        release = source.read().strip()
    files = []
    environment = dict(os.environ, PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    for name in names:
        lines = subprocess.run(
            ["modprobe", "-C", "/dev/null", "-d", os.path.join(IMAGE, "tree"), "-S", release,
             "--show-depends", name], check=True, stdout=subprocess.PIPE, text=True,
            env=environment).stdout.splitlines()
        files += [line.split()[1] for line in lines if line.split()[1] not in files]
    return files


def make_initrd(path):
    """The project's initramfs, and behind it one with /bench: rpc_peer and setup, which loads the
    modules."""
    with open(PROGRAM, "rb") as source:
        content = {b"bench/rpc_peer": source.read()}
    setup = "#!/bin/sh\n"
    for file in module_files(GUEST_MODULES):
        name = os.path.basename(file)
        with open(file, "rb") as source:
            content[b"bench/" + name.encode()] = source.read()
        options = " allow_unsafe_interrupts=1" if name == "vfio_iommu_type1.ko" else ""
        setup += f"insmod /bench/{name}{options} 2>/dev/null\n"
    content[b"bench/setup"] = (setup + "true\n").encode()
    append(os.path.join(IMAGE, "initrd.cpio"), path, content, [b"bench"])
