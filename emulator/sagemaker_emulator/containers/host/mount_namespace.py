"""A view of the file system in which a container's folder is /opt/ml."""

import contextlib
import ctypes
import os
from pathlib import Path

from .channel import View

MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 1 << 18
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWUSER = 0x00020000, 0x04000000, 0x10000000
ETC = ("hosts", "hostname")  # the files of /etc that a container has of its own


def enter(view: View) -> None:
    """Give this process a host name and a mount namespace, as a view has them.

    If /opt/ml does not exist, a tmpfs replaces /opt, with every entry of /opt bound back into it:
    nothing is written outside the namespace.

    Raises:
        OSError: The kernel refused; the message names the call.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        _check(libc.unshare(CLONE_NEWNS | CLONE_NEWUTS), "unshare")
    else:
        _check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS), "unshare")
        this = Path("/proc/self")
        (this / "setgroups").write_text("deny")
        (this / "uid_map").write_text(f"0 {user} 1")
        (this / "gid_map").write_text(f"0 {group} 1")
    _mount("none", "/", None, MS_REC | MS_PRIVATE)
    host = view["host"].encode()
    _check(libc.sethostname(host, ctypes.c_size_t(len(host))), "sethostname")
    for name in ETC:
        if Path("/etc", name).is_file():  # nothing can be bound where there is nothing
            _mount(Path(view["etc"], name), Path("/etc", name), None, MS_BIND)
    if view["base"]:
        _overlay(view["base"], view["layer"])
    _put_on_opt_ml(view["folder"], view["mount"])


def _overlay(base: str, layer: str) -> None:
    """Have what is written to a folder go to a layer above it (overlayfs of Linux 5.11 and later).

    `userxattr` is what a user namespace allows. `volatile` keeps the end of the mount from waiting
    for the disk. Paths, which may have the commas and colons of options, are not spelled in them.
    """
    os.chdir(layer)
    lower = os.open(base, os.O_PATH | os.O_DIRECTORY)
    options = f"userxattr,volatile,lowerdir=/proc/self/fd/{lower},upperdir=upper,workdir=work"
    _mount("overlay", base, "overlay", 0, options)
    os.close(lower)
    os.chdir("/")
    # The kernel has closed these to everybody, who could then not delete them.
    for folder in ("work/work", "work/work/incompat", "work/work/incompat/volatile"):
        with contextlib.suppress(FileNotFoundError):
            Path(layer, folder).chmod(0o700)


def _put_on_opt_ml(folder: str, stage: str) -> None:
    if Path("/opt/ml").is_dir():
        _mount(folder, "/opt/ml", None, MS_BIND | MS_REC)
        return
    _mount("tmpfs", stage, "tmpfs", 0)
    for entry in Path("/opt").iterdir():
        target = Path(stage, entry.name)
        if entry.is_symlink():
            target.symlink_to(entry.readlink())
            continue
        if entry.is_dir():
            target.mkdir()
        else:
            target.touch()
        _mount(entry, target, None, MS_BIND | MS_REC)
    target = Path(stage, "ml")
    target.mkdir()
    _mount(folder, target, None, MS_BIND | MS_REC)
    _mount(stage, "/opt", None, MS_BIND | MS_REC)


def _mount(
    source: str | Path, target: str | Path, kind: str | None, flags: int, options: str | None = None
) -> None:
    mount = ctypes.CDLL(None, use_errno=True).mount
    text = [None if part is None else os.fsencode(part) for part in (source, target, kind)]
    data = None if options is None else options.encode()
    _check(mount(*text, ctypes.c_ulong(flags), data), f"mount {source} on {target}")


def _check(result: int, call: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
