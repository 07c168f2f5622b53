"""ZFNet: AlexNet with smaller windows and strides, found by looking at what its layers see."""

from .alexnet import AlexNet

# Zeiler & Fergus 2014, figure 3: kernels, window, stride; the padding that its sizes take; what
# follows the ReLU; the side of what the convolution puts out; parameters.
CONVOLUTIONS = {
    "conv1": (96, 7, 2, 1, "pool norm", 110, 14_208),
    "conv2": (256, 5, 2, 0, "pool norm", 26, 614_656),
    "conv3": (384, 3, 1, 1, "", 13, 885_120),
    "conv4": (384, 3, 1, 1, "", 13, 1_327_488),
    "conv5": (256, 3, 1, 1, "pool", 13, 884_992),
}


def zfnet(num_classes: int = 1000, in_channels: int = 3, dropout: float = 0.5) -> AlexNet:
    """The net of Zeiler and Fergus: 62,357,608 parameters.

    Against AlexNet the first window is 7 x 7 with stride 2, not 11 x 11 with 4, which had left dead
    kernels and aliases; the second layer takes the other half of the stride.

    Shape: (N, in_channels, 224, 224) -> (N, num_classes), over maps of 110, 55, 26, 13 and 6; other
    sizes from 47 are averaged to the 6 x 6 maps that the linear layers take.

    Units: the paper's pixels are 0 to 255, minus the mean of the training images at each place.

    Source: Zeiler & Fergus 2014, Visualizing and understanding convolutional networks, figure 3;
    first values (weights 0.01, biases 0) after section 3.

    Differs: the paper does not print its padding, nor the constants of its contrast normalisation
    across maps, which are AlexNet's here. Weights 0.01 are read as normal with that std. The
    kernels that the paper scales back to a root mean square of 0.1 in training are the user's.
    """
    return AlexNet(CONVOLUTIONS, num_classes, in_channels, ones=(), dropout=dropout)
