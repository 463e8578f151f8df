"""The registry's errors; each message is for the person who ran the command."""


class RegistryError(Exception):
    """The request cannot be carried out; the message says why and what to do."""


class NotApprovedError(RegistryError):
    """The model version may not be served, because nobody has approved it."""


class EndpointBusyError(RegistryError):
    """The endpoint was still being created or changed when the time to wait was over."""


class ImageScanError(RegistryError):
    """The scan of a version's container image does not allow that it serves."""


class ImageScanPendingError(ImageScanError):
    """The scan has not ended, so that asking again may be answered otherwise."""


class ModelDataError(RegistryError):
    """The model data of a version is not what was registered, and approved."""


class ScalingError(RegistryError):
    """SageMaker does not scale the endpoint as the settings ask for; asking again is no use."""
