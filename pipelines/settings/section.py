"""A section of the settings: keys that belong together."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Settings that belong together; frozen and strict, so that a mistake never passes silently.

    The text below a key is its description, which commands and error messages show.
    """

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True
    )
