"""A small network for pictures of hands that spell the letters of the American Sign Language."""

from .. import nn


def sign_language_cnn(num_classes: int = 24, in_channels: int = 1) -> nn.Sequential:
    """Three convolutions with batch norm, and two linear layers: 404,099 parameters.

    24 letters, since J and Z are movements.

    Shape: (N, in_channels, 28, 28) -> (N, num_classes), over maps of 14, 7 and 3.

    Source: the course notes that this library grew from, second part (images as in Sign Language
    MNIST); the layers of its nn.Sequential in their order.
    """
    return nn.Sequential(
        nn.Conv2d(in_channels, 25, 3, stride=1, padding=1),  # (N, 25, 28, 28)
        nn.BatchNorm2d(25),
        nn.ReLU(),
        nn.MaxPool2d(2, stride=2),  # (N, 25, 14, 14)
        nn.Conv2d(25, 50, 3, stride=1, padding=1),
        nn.BatchNorm2d(50),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.MaxPool2d(2, stride=2),  # (N, 50, 7, 7)
        nn.Conv2d(50, 75, 3, stride=1, padding=1),
        nn.BatchNorm2d(75),
        nn.ReLU(),
        nn.MaxPool2d(2, stride=2),  # (N, 75, 3, 3)
        nn.Flatten(),
        nn.Linear(75 * 3 * 3, 512),
        nn.Dropout(0.3),
        nn.ReLU(),
        nn.Linear(512, num_classes),
    )
