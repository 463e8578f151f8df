"""Which of the sandboxes an emulator uses."""

from pathlib import Path

from sagemaker_emulator.containers.docker import Docker
from sagemaker_emulator.containers.sandbox import (
    Bwrap,
    Relocate,
    Sandbox,
    SandboxUnavailable,
    Unshare,
)

# In the order in which `auto` tries them: only `unshare` and `relocate` have warm containers by
# themselves, and bwrap may be allowed where unshare is not.
SANDBOXES = (Unshare, Bwrap, Relocate)


def choose_sandbox(requested: str, state: Path) -> Sandbox:
    """Probe the machine for a sandbox.

    Args:
        requested: Its kind, or `auto` for the first of `SANDBOXES` that works here.
        state: The state folder, which holds `environments/`.

    Raises:
        SandboxUnavailable: The requested one does not work; the message tells why.
    """
    state = state.resolve()
    environments = state / "environments"
    failure = ""
    for kind in SANDBOXES:
        if requested in ("auto", kind.kind) and not (failure := kind.failure()):
            return kind(environments)
    if requested == Docker.kind and not (failure := Docker.failure()):
        return Docker(state)
    kinds = ", ".join(kind.kind for kind in (*SANDBOXES, Docker))
    raise SandboxUnavailable(
        f"runtime {requested!r} does not work on this machine: {failure}. "
        f"Use --runtime auto, or one of: {kinds}."
    )
