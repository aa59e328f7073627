"""passt (https://passt.top): a guest's network without privileges or bridges. It ends the guest's TCP
connections in user space and makes them anew as the host's own."""
import atexit
import os
import subprocess
import sys
import time

LINK = "br0"  # passt wants a link of the host with a default route, and takes addresses from there.
GATEWAY = "10.0.9.254"  # To the guest, the host's loopback.
MTU = 65520  # What passt tells the guest by DHCP.
START_LIMIT = 10  # seconds


def make_link():
    subprocess.run(f"busybox ip addr add 10.0.9.253/24 dev {LINK} && "
                   f"busybox ip route add default via 10.0.9.252 dev {LINK}", shell=True, check=True)


class Passt:
    """A passt process for guest NUMBER, whose TCP port PORT it forwards where that is given."""

    def __init__(self, folder, number, port=None):
        self.address = f"10.0.9.{number + 1}"
        self._path = os.path.join(folder, f"passt{number}")
        self._process = subprocess.Popen(
            ["passt", "--foreground", "--quiet", "--runas", "0", "--socket", self._path, "--ipv4-only",
             "--address", self.address, "--netmask", "24", "--gateway", GATEWAY, "--interface", LINK,
             "--tcp-ports", str(port) if port else "none", "--udp-ports", "none"],
            stdin=subprocess.DEVNULL, stdout=sys.stderr)
        atexit.register(self._process.kill)
        deadline = time.monotonic() + START_LIMIT
        while not os.path.exists(self._path):
            if self._process.poll() is not None or time.monotonic() > deadline:
                sys.exit("bench rpc: passt does not start")
            time.sleep(0.05)

    def options(self, net, mac):
        """QEMU's, for a network device with address MAC on this process."""
        return ["-netdev", f"stream,id=net{net},server=off,addr.type=unix,addr.path={self._path}",
                "-device", f"virtio-net-pci,netdev=net{net},mac={mac}"]

    def guest_setup(self, link):
        """The guest's commands, for its LINK: what DHCP would do."""
        return f"ip addr add {self.address}/24 dev {link} && ip link set {link} mtu {MTU} up"

    def close(self):
        self._process.kill()
        self._process.wait()
