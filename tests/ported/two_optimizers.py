"""An adversarial pair, each with an optimiser of its own, trained by turns."""

import torch
from torch import nn, optim


class Pair(nn.Module):
    def __init__(self, noise=4, size=6, hidden=16):
        super().__init__()
        self.generator = nn.Sequential(
            nn.Linear(noise, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, size), nn.Tanh()
        )
        self.discriminator = nn.Sequential(
            nn.Linear(size, hidden), nn.LeakyReLU(0.2, inplace=True), nn.Linear(hidden, 1)
        )


def build():
    return Pair().to(torch.float64)


def train(pair, real, noise, steps):
    """real (N, 6), noise (N, 4)"""
    generator, discriminator = pair.generator, pair.discriminator
    optimizer_g = optim.Adam(generator.parameters(), lr=2e-3, betas=(0.5, 0.999))
    optimizer_d = optim.RMSprop(discriminator.parameters(), lr=1e-3)
    criterion = nn.BCEWithLogitsLoss()
    real_labels = torch.ones(real.size(0), 1, dtype=real.dtype)
    fake_labels = torch.zeros_like(real_labels)
    losses = []
    for _ in range(steps):
        fake = generator(noise)

        optimizer_d.zero_grad()
        loss_real = criterion(discriminator(real), real_labels)
        loss_fake = criterion(discriminator(fake.detach()), fake_labels)
        loss_d = (loss_real + loss_fake) / 2
        loss_d.backward()
        optimizer_d.step()

        for parameter in discriminator.parameters():
            parameter.requires_grad_(False)
        optimizer_g.zero_grad()
        loss_g = criterion(discriminator(fake), real_labels)
        loss_g.backward()
        optimizer_g.step()
        for parameter in discriminator.parameters():
            parameter.requires_grad = True

        losses.extend([loss_d.item(), loss_g.item()])
    return losses
