"""The services of AWS that are run here."""

from typing import Any


def load() -> list[Any]:
    """Import every service, which registers its operations; they start in this order."""
    from emulator.services import events, lambda_, logs, runtime, sagemaker

    return [logs, lambda_, events, *sagemaker.MODULES, runtime]
