"""The error of an upload."""

from pipelines.errors import UserError


class UploadError(UserError):
    """A local folder or file cannot be given to the pipeline."""
