"""A critic whose gradient for its input is held near length 1: gradients of gradients."""

import torch
import torch.nn as nn
import torch.optim as optim


def build():
    return nn.Sequential(
        nn.Conv1d(1, 6, kernel_size=3, padding=1),
        nn.GroupNorm(2, 6),
        nn.SiLU(),
        nn.Conv1d(6, 4, 4, stride=2),
        nn.Softplus(),
        nn.Flatten(),
        nn.Linear(12, 1),
    ).double()


def gradient_penalty(critic, real, fake, mixing):
    mixed = (mixing * real + (1 - mixing) * fake).requires_grad_(True)
    scores = critic(mixed)
    gradients = torch.autograd.grad(
        outputs=scores,
        inputs=mixed,
        grad_outputs=torch.ones_like(scores),
        create_graph=True,
        retain_graph=True,
    )[0]
    gradients = gradients.view(gradients.size(0), -1)
    return ((gradients.norm(2, dim=1) - 1) ** 2).mean()


def train(critic, real, fake, mixing, steps):
    """real and fake (N, 1, 8), mixing (N, 1, 1) between 0 and 1"""
    optimizer = optim.AdamW(critic.parameters(), lr=1e-2, betas=(0.0, 0.9), weight_decay=0.1)
    losses = []
    for _ in range(steps):
        penalty = gradient_penalty(critic, real, fake, mixing)
        loss = critic(fake).mean() - critic(real).mean() + 10.0 * penalty
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append((loss.item(), penalty.item()))
    return [number for pair in losses for number in pair]
