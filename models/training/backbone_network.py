"""The networks of `loupe teach`: feature maps of four depths, and where something of which kind stands out."""

import torch
from torch import nn
from torch.nn import functional as F

import procedural


def convolution(c_in, c_out, kernel=3, stride=1):
    return nn.Sequential(nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(c_out), nn.ReLU())


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.body = nn.Sequential(
            convolution(channels, channels), nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, x):
        return F.relu(x + self.body(x))


def by_its_own_light(x):
    """[N,C,H,W] standardised image by image: exposures differ, and what the exposure is says nothing about the part."""
    x = x - x.mean(dim=(1, 2, 3), keepdim=True)
    return x / (torch.sqrt((x * x).mean(dim=(1, 2, 3), keepdim=True)) + 4.0)


class Trunk(nn.Module):
    """[N,3,H,W], standardised -> maps at 2, 4, 8 and 16 pixels per cell."""

    def __init__(self, widths):
        super().__init__()
        a, b, c, d = self.widths = widths
        self.one = nn.Sequential(convolution(3, a, 5, 2), Residual(a))
        self.two = nn.Sequential(convolution(a, b, 3, 2), Residual(b))
        self.three = nn.Sequential(convolution(b, c, 3, 2), Residual(c))
        self.four = nn.Sequential(convolution(c, d, 3, 2), Residual(d))

    def forward(self, x):
        one = self.one(x)
        two = self.two(one)
        three = self.three(two)
        return one, two, three, self.four(three)


class DrawnNetwork(nn.Module):
    """Trained on drawn images. `seen`: the trunk's maps, what they say together and the kinds (logits), both at 4 pixels per cell."""

    WIDTHS, JOINED = (20, 48, 96, 144), 48

    def __init__(self):
        super().__init__()
        self.trunk = Trunk(self.WIDTHS)
        _, b, c, d = self.WIDTHS
        self.from_four, self.from_three, self.from_two = nn.Conv2d(d, 64, 1), nn.Conv2d(c, 64, 1), nn.Conv2d(b, 64, 1)
        self.join = nn.Sequential(nn.ReLU(), convolution(64, self.JOINED))
        # Anything at all, then each kind.
        self.kinds = nn.Conv2d(self.JOINED, 1 + len(procedural.KINDS), 1)

    def seen(self, x):
        """x [N,3,H,W], standardised"""
        one, two, three, four = self.trunk(x)
        up = F.interpolate(self.from_four(four), size=three.shape[2:], mode="nearest") + self.from_three(three)
        joined = self.join(F.interpolate(up, size=two.shape[2:], mode="nearest") + self.from_two(two))
        return one, two, three, four, joined, self.kinds(joined)


class InfraredNetwork(nn.Module):
    """Trained on infrared modules: which of its classes does the image as a whole belong to?"""

    WIDTHS = (16, 40, 80, 128)

    def __init__(self, classes):
        super().__init__()
        self.trunk = Trunk(self.WIDTHS)
        self.classes = nn.Linear(2 * sum(self.WIDTHS[1:]), classes)

    def seen(self, x):
        """x [N,3,H,W], standardised -> pooled maps [N,496] and class logits [N,classes]"""
        maps = self.trunk(x)[1:]
        pooled = torch.cat([each.mean(dim=(2, 3)) for each in maps] + [each.amax(dim=(2, 3)) for each in maps], dim=1)
        return pooled, self.classes(pooled)
