"""The emulator of the desk's tests."""

from tests.desk.emulated import emulated

__all__ = ["emulated"]
