"""Settings of security: networks, keys, logs, a budget, and accounts that share a registry."""

from pydantic import model_validator

from pipelines.settings import fields
from pipelines.settings.section import Section


class Security(Section):
    """Networks, keys, logs and a budget on AWS; this machine has none of them."""

    subnets: fields.Subnets = ()
    """Subnets of every job and the endpoint; they must reach S3, ECR and logs. []: AWS's own."""
    security_groups: fields.SecurityGroups = ()
    """Security groups of what runs in these subnets."""
    isolated: bool = False
    """Let all but Prepare, which fetches images, reach nothing: jobs, endpoint, batch scoring."""
    kms_key: fields.KmsKey = ""
    """KMS key of disks (endpoint's, jobs'), outputs and a new bucket; empty: AWS's own keys."""
    log_days: fields.LogDays = 0
    """Days in which the logs of the promotion function and the endpoint are kept; 0: for ever."""
    budget: fields.NotNegative = 0.0
    """USD a month for what is tagged project: tally; AWS writes above 80 % of it. 0: no budget."""
    budget_email: fields.Email = ""
    """Address that AWS writes to about the budget."""

    @model_validator(mode="after")
    def _check_pairs(self) -> "Security":
        if bool(self.subnets) != bool(self.security_groups):
            raise ValueError("subnets and security_groups need each other; set both or none")
        if self.budget and not self.budget_email:
            raise ValueError("budget needs budget_email")
        return self


class SharedRegistry(Section):
    """A model registry that several accounts promote from; this machine has one account."""

    consumers: fields.Accounts = ()
    """Accounts that may promote the versions of this account's group; `setup` lets them read."""
    group: fields.ModelGroup = ""
    """Another account's model package group, to promote its versions here; empty: this one's."""

    @model_validator(mode="after")
    def _check_side(self) -> "SharedRegistry":
        if self.consumers and self.group:
            raise ValueError("consumers are for the registry's account, group for the others")
        return self

    @property
    def account(self) -> str:
        """The account of `group`; "" for none."""
        return self.group.split(":")[4] if self.group else ""

    @property
    def name(self) -> str:
        """The name of `group`; "" for none."""
        return self.group.rpartition("/")[2]
