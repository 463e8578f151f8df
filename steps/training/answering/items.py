"""Train the part of the model that reads the items on record."""

from __future__ import annotations

import torch
from torch.nn import functional

import item_features
from record_network import RecordPart
from training.data.images import Images
from training.model.losses import Levels

FEWEST = 100  # records; fewer teach nothing about a record
EPOCHS, BATCH, RATE, DECAY = 15, 64, 0.003, 0.02


def fit(images: Images, levels: Levels, seed: int) -> RecordPart | None:
    """Learn the counts of the training bins from the items on their records.

    It takes seconds on a processor, whatever the network for the photos is. Bins of the further
    source, whose class shares are wrong, are left out.

    Returns:
        None if fewer than FEWEST records list items.
    """
    further, records = images.further.tolist(), images.records
    known = [
        index
        for index, record in enumerate(records)
        if record is not None and record.items is not None and not further[index]
    ]
    if len(known) < FEWEST:
        return None
    items, listed = (
        torch.from_numpy(values)
        for values in item_features.encode([records[index] for index in known])
    )
    truth = levels.of(images.counts[known])
    threads = torch.get_num_threads()
    # The batches are small: on a busy machine, threads that wait for each other take minutes.
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return _fit(items, listed, truth, len(levels.counts)).eval()
    finally:
        torch.set_num_threads(threads)


def _fit(
    items: torch.Tensor, listed: torch.Tensor, truth: torch.Tensor, outputs: int
) -> RecordPart:
    part = RecordPart(outputs).train()
    optimizer = torch.optim.AdamW(part.parameters(), RATE, weight_decay=DECAY)
    steps = EPOCHS * -(-len(truth) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(truth)).split(BATCH):
            optimizer.zero_grad()
            outputs_of = part(items[batch], listed[batch])
            functional.cross_entropy(outputs_of, truth[batch]).backward()
            optimizer.step()
            schedule.step()
    return part
