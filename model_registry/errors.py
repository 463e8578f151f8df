"""What the registry cannot do, said for the person who asked for it."""


class RegistryError(Exception):
    """Something the person who asked can put right; the message says what and how."""


class NoGroupError(RegistryError):
    """There is no such model package group."""


class NotApprovedError(RegistryError):
    """The model version may not be served, because nobody has approved it."""


class EndpointBusyError(RegistryError):
    """The endpoint was still being created or changed when the time to wait was over."""
