"""How distributions over the counts are joined."""

import torch

from training.answering import joining

CLASSES = 4


def drawn(bins: int, noise: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Right classes (bins) and log probabilities (bins, classes) of somebody who sees dimly."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(bins) % CLASSES
    seen = torch.nn.functional.one_hot(labels, CLASSES).float()
    seen = seen + noise * torch.randn(bins, CLASSES, generator=generator)
    return labels, (seen / noise**2).log_softmax(1)


def loss(found: torch.Tensor, labels: torch.Tensor) -> float:
    return torch.nn.functional.nll_loss(found, labels).item()


def test_two_that_see_independently_know_more_together_on_other_bins() -> None:
    labels, one = drawn(400, 0.8, 0)
    _, other = drawn(400, 0.8, 1)
    prior = torch.full((CLASSES,), 1 / CLASSES)
    fitted = joining.fit(labels[:200], prior, one[:200], other[:200])

    joined = loss(fitted(one[200:], other[200:]), labels[200:])

    assert joined < 0.8 * min(loss(one[200:], labels[200:]), loss(other[200:], labels[200:]))


def test_a_class_has_one_weight_for_its_share_in_each_of_several() -> None:
    labels, one = drawn(60, 0.8, 0)
    _, other = drawn(60, 0.8, 1)
    weights = joining.fit(labels, torch.full((CLASSES,), 0.25), one, other).weigh.weight

    both = torch.eye(CLASSES, dtype=torch.bool).repeat(1, 2)
    assert (weights[~both] == 0).all()
    assert not torch.allclose(weights[both], torch.ones(2 * CLASSES, dtype=weights.dtype))


def test_one_alone_is_calibrated_between_the_classes() -> None:
    """Whoever often takes the last class for the one before it is believed less there."""
    labels, seen = drawn(800, 0.8, 0)
    seen[:, 2] = torch.logaddexp(seen[:, 2], seen[:, 3] + 1)
    mistaken = seen.log_softmax(1)
    fitted = joining.fit(labels[:400], torch.full((CLASSES,), 0.25), mistaken[:400])

    assert loss(fitted(mistaken[400:]), labels[400:]) < 0.9 * loss(mistaken[400:], labels[400:])
