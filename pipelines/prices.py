"""What an hour of an instance costs: pipelines/prices.yaml, and a file of one's own over it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, PositiveFloat, ValidationError

from pipelines.errors import UserError
from pipelines.root import ROOT
from pipelines.settings.model import Settings

FILE = ROOT / "pipelines" / "prices.yaml"


class PriceError(UserError):
    """A file of prices cannot be used, or a price is needed that is not known."""


class PriceFile(BaseModel):
    """The content of a file of prices.

    Attributes:
        date: When the prices were read.
        region: Where they hold.
        source: Where they were read.
        instances: USD per hour, by instance type.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    date: date
    region: str
    source: str
    instances: dict[str, PositiveFloat]


@dataclass(frozen=True)
class Prices:
    """Prices of instances.

    Attributes:
        by_type: USD per hour, by instance type.
        origin: Where the prices are from, in a sentence.
        regions: Where they hold.
    """

    by_type: Mapping[str, float]
    origin: str
    regions: frozenset[str]

    def of(self, instance_type: str) -> float | None:
        """USD per hour; None where no price is known."""
        return self.by_type.get(instance_type)


def load(settings: Settings) -> Prices:
    """The prices of the settings' region.

    Raises:
        PriceError: The file that the settings name cannot be used.
    """
    files = [_read(FILE)]
    if settings.cost.prices:
        # A path in the settings is relative to the repository, whatever the current directory.
        files.append(_read(ROOT / settings.cost.prices))
    # A price of another region is not this one's.
    valid = [file for file in files if file.region == settings.region]
    by_type = {name: price for file in valid for name, price in file.instances.items()}
    origin = "; ".join(
        f"prices of {file.region}, {file.date.isoformat()}: {file.source}" for file in valid
    )
    if settings.cost.prices and files[-1] not in valid:
        unused = f"{settings.cost.prices} is not used: its prices are of {files[-1].region}"
        origin = "; ".join(filter(None, (origin, f"{unused}, not {settings.region}")))
    return Prices(by_type, origin, frozenset(file.region for file in files))


def _read(file: Path) -> PriceFile:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        return PriceFile.model_validate(content)
    except OSError as error:
        raise PriceError(f"cost.prices: {file} cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PriceError(f"cost.prices: {file} is not YAML: {error}") from None
    except ValidationError as error:
        problems = [
            f"  {'.'.join(map(str, one['loc'])) or 'the file'}: {one['msg']}"
            for one in error.errors()
        ]
        raise PriceError(
            "\n".join(
                [
                    f"cost.prices: {file} is no file of prices:",
                    *problems,
                    f"It has the keys of {FILE.relative_to(ROOT)}: date, region, source and "
                    "instances, such as {ml.g5.xlarge: 1.41}.",
                ]
            )
        ) from None
