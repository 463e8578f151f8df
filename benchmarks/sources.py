"""Where benchmarks find real bins."""

import argparse
from pathlib import Path

# Beside a developer's checkout; elsewhere there is none, and one must be named.
DEFAULT = str(Path(__file__).resolve().parents[2] / "shared" / "abid" / "aft-vbi-pds-224")


def folder(text: str) -> Path:
    """A folder of bins, as it is given on the command line.

    Raises:
        argparse.ArgumentTypeError: it is not laid out like the Amazon Bin Image Dataset.
    """
    place = Path(text).resolve()
    if not (place / "bin-images").is_dir() or not (place / "metadata").is_dir():
        raise argparse.ArgumentTypeError(
            f"{text} does not hold bin-images/ and metadata/; name a folder of bins that is laid "
            "out like ABID (bin-images/ID.jpg, metadata/ID.json)"
        )
    return place


def source(text: str) -> str:
    """A folder of bins, or an address that Prepare reads."""
    return text if "://" in text else str(folder(text))
