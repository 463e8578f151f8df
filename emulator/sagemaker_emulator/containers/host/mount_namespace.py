"""A view of the file system in which a container's folder is /opt/ml."""

import ctypes
import os
from pathlib import Path

MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 1 << 18
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWUSER = 0x00020000, 0x04000000, 0x10000000
ETC = ("hosts", "hostname")  # the files of /etc that a container has of its own


def enter(folder: str, stage: str, etc: str, host: str) -> None:
    """Give this process a host name, and a mount namespace in which `folder` is /opt/ml.

    If /opt/ml does not exist, a tmpfs replaces /opt, with every entry of /opt bound back into it:
    nothing is written outside the namespace.

    Args:
        folder: Becomes /opt/ml.
        stage: An empty folder to build the new /opt on.
        etc: Holds the files `hosts` and `hostname`, which become those of /etc where the machine
            has them: nothing can be bound where there is nothing.
        host: Becomes the host name.

    Raises:
        OSError: The kernel refused; the message names the call.
    """
    libc = ctypes.CDLL(None, use_errno=True)

    def check(result: int, call: str) -> None:
        if result != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{call}: {os.strerror(number)}")

    def mount(source: str | Path, target: str | Path, kind: str | None, flags: int) -> None:
        call = f"mount {source} on {target}"
        text = [None if part is None else os.fsencode(part) for part in (source, target, kind)]
        check(libc.mount(*text, ctypes.c_ulong(flags), None), call)

    user, group = os.geteuid(), os.getegid()
    if user == 0:
        check(libc.unshare(CLONE_NEWNS | CLONE_NEWUTS), "unshare")
    else:
        check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS), "unshare")
        this = Path("/proc/self")
        (this / "setgroups").write_text("deny")
        (this / "uid_map").write_text(f"0 {user} 1")
        (this / "gid_map").write_text(f"0 {group} 1")
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    check(libc.sethostname(host.encode(), ctypes.c_size_t(len(host.encode()))), "sethostname")
    for name in ETC:
        if Path("/etc", name).is_file():
            mount(Path(etc, name), Path("/etc", name), None, MS_BIND)
    if Path("/opt/ml").is_dir():
        mount(folder, "/opt/ml", None, MS_BIND | MS_REC)
        return
    mount("tmpfs", stage, "tmpfs", 0)
    for entry in Path("/opt").iterdir():
        target = Path(stage, entry.name)
        if entry.is_symlink():
            target.symlink_to(entry.readlink())
            continue
        if entry.is_dir():
            target.mkdir()
        else:
            target.touch()
        mount(entry, target, None, MS_BIND | MS_REC)
    target = Path(stage, "ml")
    target.mkdir()
    mount(folder, target, None, MS_BIND | MS_REC)
    mount(stage, "/opt", None, MS_BIND | MS_REC)
