"""Stand-ins for the data that AWS's notebooks download from AWS's public buckets.

Drawn, with the columns of the real ones that the notebooks read, and a relation between them that
a model can learn.
"""

import io
import random
import tarfile
from collections.abc import Iterator
from typing import Any

ABALONE = "datasets/tabular/uci_abalone/abalone.csv"
_ABALONE_LIBSVM = "datasets/tabular/uci_abalone/{0}/abalone.{0}"
_HOUSING = "datasets/tabular/california_housing/cal_housing.tgz"
_CENSUS = "processing/census/census-income.csv"
# The buckets that the notebooks name, for the region of the emulator's shell.
BUCKETS = (
    "sagemaker-sample-files",
    "sagemaker-example-files-prod-us-east-1",
    "sagemaker-sample-data-us-east-1",
    "sagemaker-servicecatalog-seedcode-us-east-1",
)


def objects() -> dict[str, bytes]:
    """Every object by its key; each bucket gets all of them."""
    rows = list(_abalone(random.Random(0), 4177))
    text = "".join(
        ",".join([sex, *map(str, sizes), str(rings)]) + "\n" for sex, sizes, rings in rows
    )
    libsvm = [
        " ".join([str(rings), f"1:{'MFI'.index(sex) + 1}"])
        + "".join(f" {place}:{size}" for place, size in enumerate(sizes, 2))
        + "\n"
        for sex, sizes, rings in rows
    ]
    parts = {"train": libsvm[:2900], "validation": libsvm[2900:3500], "test": libsvm[3500:]}
    return {
        ABALONE: text.encode(),
        # A transform job without ContentType gets it, whose rows the image takes for LIBSVM.
        "dataset/abalone-dataset-batch": "".join(libsvm[:500]).encode(),
        "datasets/tabular/uci_abalone/abalone.libsvm": "".join(libsvm).encode(),
        **{_ABALONE_LIBSVM.format(name): "".join(part).encode() for name, part in parts.items()},
        _HOUSING: _archive("CaliforniaHousing/cal_housing.data", _housing(random.Random(1), 4000)),
        _CENSUS: _census(random.Random(2), 2000).encode(),
    }


def put(s3: Any) -> None:
    """Make the buckets, and put the objects into each."""
    data = objects()
    for bucket in BUCKETS:
        s3.create_bucket(Bucket=bucket)
        for key, body in data.items():
            s3.put_object(Bucket=bucket, Key=key, Body=body)


def _abalone(draw: random.Random, count: int) -> Iterator[tuple[str, list[float], int]]:
    """Sex; length, diameter and height (mm/200) and four weights (g/200); rings."""
    for _ in range(count):
        length = draw.uniform(0.1, 0.8)
        diameter, height = length * draw.uniform(0.75, 0.83), length * draw.uniform(0.22, 0.32)
        whole = 4.2 * length**3 * draw.uniform(0.9, 1.1)
        weights = [whole, whole * 0.43, whole * 0.22, whole * draw.uniform(0.24, 0.32)]
        sizes = [round(size, 4) for size in (length, diameter, height, *weights)]
        rings = max(1, round(3 + 8 * length + 60 * (height - 0.27 * length) + draw.gauss(0, 1)))
        yield draw.choice("MFI"), sizes, rings


def _housing(draw: random.Random, count: int) -> str:
    """Longitude, latitude, age, rooms, bedrooms, people, households, income, value in dollars."""
    lines = []
    for _ in range(count):
        rooms, income = draw.randint(200, 6000), draw.uniform(0.5, 12)
        place = f"{draw.uniform(-124, -114):.2f},{draw.uniform(32, 42):.2f},{draw.randint(1, 52)}"
        value = min(500001, max(15000, 42000 * income + draw.gauss(20000, 20000)))
        counts = f"{rooms},{rooms // 5},{rooms // 2},{rooms // 6}"
        lines.append(f"{place},{counts},{income:.4f},{value:.0f}\n")
    return "".join(lines)


def _census(draw: random.Random, count: int) -> str:
    """Some columns of the Census-Income data, with a head."""
    lines = ["age,education,major industry code,capital gains,num persons,income\n"]
    for _ in range(count):
        age, gains = draw.randint(0, 90), draw.choice((0, 0, 0, 5178, 15024))
        income = " 50000+." if age > 30 and gains > 0 else " - 50000."
        school = draw.choice((" Bachelors degree", " High school graduate", " Children"))
        lines.append(f"{age},{school}, Retail trade,{gains},{draw.randint(0, 6)},{income}\n")
    return "".join(lines)


def _archive(name: str, text: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(text.encode())
        archive.addfile(member, io.BytesIO(text.encode()))
    return file.getvalue()
