"""The server that QEMU's ivshmem-doorbell devices connect to (QEMU: docs/specs/ivshmem-spec, "The
ivshmem Client-Server Protocol"), for peers that all come at the start."""
import array
import os
import socket
import struct


class IvshmemServer:
    """One memory of SIZE bytes, and one interrupt vector of each peer."""

    def __init__(self, path, size):
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        self._listener.listen()
        self._memory = os.memfd_create("ivshmem", 0)
        os.truncate(self._memory, size)
        self._peers = []  # (connection, eventfd)

    def accept(self):
        """Takes the next peer, and tells all of each other."""
        connection, _ = self._listener.accept()
        number, event = len(self._peers), os.eventfd(0, os.EFD_NONBLOCK)
        self._say(connection, 0)
        self._say(connection, number)
        self._say(connection, -1, self._memory)
        for other, (peer, bell) in enumerate(self._peers):
            self._say(peer, number, event)
            self._say(connection, other, bell)
        self._say(connection, number, event)
        self._peers.append((connection, event))

    def close(self):
        for connection, event in self._peers:
            connection.close()
            os.close(event)
        os.close(self._memory)
        self._listener.close()

    @staticmethod
    def _say(connection, value, descriptor=None):
        control = [] if descriptor is None else [
            (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
        connection.sendmsg([struct.pack("<q", value)], control)
