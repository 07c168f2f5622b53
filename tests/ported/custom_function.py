"""Functions with hand-written gradients: a swish, and a sign that lets gradients through."""

import torch
from torch import nn
from torch.autograd import Function


class Swish(Function):
    @staticmethod
    def forward(ctx, x, beta):
        s = torch.sigmoid(beta * x)
        ctx.save_for_backward(x, beta, s)
        return x * s

    @staticmethod
    def backward(ctx, grad_output):
        x, beta, s = ctx.saved_tensors
        grad_x = grad_beta = None
        slope = s * (1 - s)
        if ctx.needs_input_grad[0]:
            grad_x = grad_output * (s + beta * x * slope)
        if ctx.needs_input_grad[1]:
            grad_beta = (grad_output * x * x * slope).sum()
        return grad_x, grad_beta


class Sign(Function):
    @staticmethod
    def forward(ctx, x, limit):
        ctx.save_for_backward(x)
        ctx.limit = limit
        return x.sign()

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        grad_input = grad_output.clone()
        grad_input[x.abs() > ctx.limit] = 0
        return grad_input, None


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(5, 12)
        self.beta = nn.Parameter(torch.tensor(1.5))
        self.fc2 = nn.Linear(12, 8)
        self.fc3 = nn.Linear(8, 1, bias=False)

    def forward(self, x):
        x = Swish.apply(self.fc1(x), self.beta)
        x = Sign.apply(self.fc2(x), 1.0)
        return self.fc3(x).squeeze(-1)


def build():
    return Net().double()


def train(model, x, y, steps):
    """x (N, 5), y (N,)"""
    optimizer = torch.optim.Adagrad(model.parameters(), lr=0.05)
    loss_fn = nn.SmoothL1Loss()
    losses = []
    for _ in range(steps):
        loss = loss_fn(model(x), y)
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            model.beta.clamp_(min=0.1)
        optimizer.step()
        losses += [loss.item(), model.beta.item()]
    return losses
