"""The model package groups of the registry's tests."""

from tests.model_registry.conftest import client, emulated, emulator, register, session

__all__ = ["client", "emulated", "emulator", "register", "session"]
