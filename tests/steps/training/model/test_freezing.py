"""Parts of the backbone that stay as they are, and features that are made once."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import network
import served_network
import train
from tests.steps.tiny_training import TINY, options, read
from training import hyperparameters
from training.data.images import load_images
from training.data.inputs import Features, Pixels, compute_features
from training.environment import TrainingError
from training.model import freezing

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(
    ("backbone", "stem", "stages"), [(TINY, 2, 5), ("resnet18", 4, 4)], ids=["timm", "torchvision"]
)
def test_a_backbone_has_a_stem_and_stages(backbone: Any, stem: int, stages: int) -> None:
    model = network.build(backbone, 3)
    assert len(network.stages(model)) == stages
    assert len(freezing.first_parts(model, 2, backbone)) == stem + 2
    assert freezing.first_parts(model, 0, backbone) == []
    with pytest.raises(TrainingError, match=f"{backbone} has {stages} stages"):
        freezing.first_parts(model, 9, backbone)


def test_no_gradient_is_computed_through_frozen_stages() -> None:
    model = network.build(TINY, 3)
    frozen = freezing.first_parts(model, 2, TINY)
    freezing.freeze(frozen)
    freezing.training_mode(model, frozen)
    seen = []
    model.blocks[1].register_forward_hook(lambda module, given, output: seen.append(output))
    before = {name: value.clone() for name, value in frozen[1].state_dict().items()}
    model(torch.randn(4, 3, 32, 32)).sum().backward()
    assert not seen[0].requires_grad
    assert model.conv_stem.weight.grad is None
    assert next(model.blocks[2].parameters()).grad is not None
    assert all(torch.equal(before[name], value) for name, value in frozen[1].state_dict().items())


@pytest.mark.parametrize("debug", ["false", "true"])
def test_frozen_stages_stay_unchanged_in_the_model(opt: Path, debug: str) -> None:
    given = opt / "input" / "data" / "pretrained"
    given.mkdir()
    weights = network.build(TINY, 7).state_dict()
    torch.save(weights, given / f"{TINY}.pth")
    assert train.main(options(freeze=2, pretrained="true", debug=debug)) == 0
    state = torch.load(opt / "model" / "model.pt", weights_only=True)
    kept = [name for name in state if name.startswith(("conv_stem", "bn1", "blocks.0", "blocks.1"))]
    assert kept
    assert all(torch.equal(state[name], weights[name]) for name in kept)
    assert not torch.equal(state["conv_head.weight"], weights["conv_head.weight"])


def test_with_a_frozen_backbone_features_are_computed_once_and_only_the_head_is_trained(
    opt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def counted(model: nn.Module, head: nn.Module, pixels: Pixels, *more: Any) -> Features:
        made.append(len(pixels))
        return compute_features(model, head, pixels, *more)

    monkeypatch.setattr(train, "compute_features", counted)
    assert train.main(options(freeze=-1, epochs=30, ema=0, lr=0.1)) == 0
    assert made == [36, 12]
    training = read(opt, "training.json")
    assert training["history"][-1]["train_loss"] < training["history"][0]["train_loss"]
    state = torch.load(opt / "model" / "model.pt", weights_only=True)
    served_network.build(state, read(opt, "model.json"), network.build(TINY, 3))


def test_features_and_head_give_the_answers_of_the_whole_network(images: Path) -> None:
    model = network.build(TINY, 3).eval()
    recipe = hyperparameters.parse(options())
    colours = network.normalisation(TINY)
    found = load_images(images / "validation", 32, 2)
    pixels = Pixels.of(found, recipe, colours, torch.device("cpu"))
    made = compute_features(model, network.head_of(model), pixels, 5, "float32")
    with torch.no_grad():
        for of_pixels, of_features in zip(
            pixels.views(found.pixels[:4]), made.views(made.features[:4]), strict=True
        ):
            assert torch.allclose(model(of_pixels), model.classifier(of_features), atol=1e-5)


def test_a_frozen_backbone_resumes(opt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (opt / "checkpoints").mkdir()
    assert train.main(options(freeze=-1, epochs=2)) == 0
    first = torch.load(opt / "model" / "model.pt", weights_only=True)
    assert train.main(options(freeze=-1, epochs=2)) == 0
    assert "resumed after epoch 2 of 2" in capsys.readouterr().out
    again = torch.load(opt / "model" / "model.pt", weights_only=True)
    assert all(torch.equal(first[name], again[name]) for name in first)
