"""Settings of quality: what a model must reach, and how it enters the registry."""

from typing import Literal

from pydantic import model_validator

from pipelines.settings import fields
from pipelines.settings.section import Section

ApprovalStatus = Literal["PendingManualApproval", "Approved", "Rejected"]


class RecordErrorKinds(Section):
    """How wrong stock records are assumed to be wrong: shares, relative to each other."""

    miscounted: fields.NotNegative = 0.4
    """A quantity is wrong by 1, 2 or 3."""
    item_not_there: fields.NotNegative = 0.2
    """An item is listed that is not in the bin."""
    item_not_listed: fields.NotNegative = 0.2
    """An item is in the bin that is not listed."""
    exchanged: fields.NotNegative = 0.2
    """The record is another bin's."""

    @model_validator(mode="after")
    def _check_any(self) -> "RecordErrorKinds":
        if not any(self.model_dump().values()):
            raise ValueError("every kind has the share 0; give one of them more")
        return self

    @property
    def text(self) -> str:
        """The kinds as a job's argument: `miscounted=0.4,item_not_there=0.2,...`."""
        return ",".join(f"{name}={share:g}" for name, share in self.model_dump().items())


class Quality(Section):
    """What a model must reach, and how it enters the registry."""

    accuracy_threshold: fields.Share
    """Lowest test accuracy at which a model is registered."""
    min_found_share: fields.Share = 0.0
    """Lowest share of wrong records found at which a model is registered."""
    match_precision: fields.PartialShare = 0.95
    """Share of correct records required among the bins that pass without a person."""
    record_error_rate: fields.PartialShare = 0.1
    """Share of wrong stock records that the decision about a bin assumes."""
    record_error_kinds: RecordErrorKinds = RecordErrorKinds()
    approval_status: ApprovalStatus = "PendingManualApproval"
    """Initial approval status of a new version. Run `setup` after changing it."""
