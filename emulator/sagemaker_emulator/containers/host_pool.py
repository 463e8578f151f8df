"""The host processes of an emulator, of which those that ran nothing for a while are ended."""

import threading
from collections.abc import Mapping
from pathlib import Path

from sagemaker_emulator.containers.process import Host


class HostPool:
    """Hosts by what they are: the Python, the image's folder and the modules that they import.

    Args:
        errors: The file that takes what hosts print themselves.
        idle_seconds: A host that ran nothing for this long is ended.
    """

    def __init__(self, errors: Path, idle_seconds: float) -> None:
        self._errors = errors
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._hosts: dict[tuple[str, ...], Host] = {}
        self._reaper: threading.Timer | None = None

    def get(self, key: tuple[str, ...], environment: Mapping[str, str]) -> Host:
        """The host of a key, started with these variables unless it is up."""
        with self._lock:
            host = self._hosts.get(key)
            if host is None or not host.alive:
                host = Host(key[0], key[1], key[2:], environment, self._errors)
                self._hosts[key] = host
                self._reap_later()
            host.touch()
            return host

    def _reap_later(self) -> None:
        if self._reaper is None:
            self._reaper = threading.Timer(self._idle_seconds / 10, self._reap)
            self._reaper.daemon = True
            self._reaper.start()

    def _reap(self) -> None:
        with self._lock:
            self._reaper = None
            idle = [k for k, host in self._hosts.items() if host.idle > self._idle_seconds]
            hosts = [self._hosts.pop(key) for key in idle]
            if self._hosts:
                self._reap_later()
        for host in hosts:
            host.close()

    def pids(self) -> list[int]:
        """The process numbers of the hosts that are up."""
        with self._lock:
            return [host.pid for host in self._hosts.values()]

    def close(self) -> None:
        """End every host, and with it every container."""
        with self._lock:
            if self._reaper is not None:
                self._reaper.cancel()
            hosts = list(self._hosts.values())
            self._hosts.clear()
        for host in hosts:
            host.close()
