"""A run with warm-up and cosine decay that is broken off half way, and resumed from its file."""

import os
import tempfile

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR
from torch.utils.data import DataLoader, TensorDataset


def build():
    return nn.Sequential(nn.Linear(6, 20), nn.LayerNorm(20), nn.GELU(), nn.Linear(20, 3)).double()


def prepare(model, steps):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9, weight_decay=1e-3)
    warm_up = LinearLR(optimizer, start_factor=0.1, total_iters=4)
    cosine = CosineAnnealingLR(optimizer, T_max=steps - 4, eta_min=1e-3)
    return optimizer, SequentialLR(optimizer, [warm_up, cosine], milestones=[4])


def run(model, optimizer, scheduler, batches):
    losses = []
    for x, y in batches:
        loss = nn.functional.cross_entropy(model(x), y, label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses += [loss.item(), scheduler.get_last_lr()[0], optimizer.param_groups[0]["lr"]]
    return losses


def train(model, x, y, steps):
    """x (N, 6), y (N,)"""
    loader = DataLoader(TensorDataset(x, y), batch_size=4, shuffle=False, drop_last=True)
    batches = [batch for _ in range(steps) for batch in loader][:steps]
    half = steps // 2
    optimizer, scheduler = prepare(model, steps)
    losses = run(model, optimizer, scheduler, batches[:half])
    checkpoint = {
        "step": half,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "checkpoint.pt")
        torch.save(checkpoint, path)
        loaded = torch.load(path)
    fresh = build()
    optimizer, scheduler = prepare(fresh, steps)
    fresh.load_state_dict(loaded["model"])
    optimizer.load_state_dict(loaded["optimizer"])
    scheduler.load_state_dict(loaded["scheduler"])
    return losses + run(fresh, optimizer, scheduler, batches[loaded["step"] :])
