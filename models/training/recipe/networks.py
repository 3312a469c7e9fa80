"""Networks from uint8 pixels to the logit of a defect. Normalisation is part of the graph: a server hands pixels over.

A body is two halves: `near` ends with the third stage, where a small defect still has a cell of its own, `far` is the rest.
"""

import torch
from torch import nn
from torch.nn import functional as F

RESNET_STAGES = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
VGG_STAGES = {11: (1, 1, 2, 2), 13: (2, 2, 2, 2), 16: (2, 2, 3, 3)}


def conv(c_in, c_out, kernel=3, stride=1):
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, kernel, stride=stride, padding=kernel // 2, bias=False), nn.BatchNorm2d(c_out)
    )


class Basic(nn.Module):
    def __init__(self, c_in, width, stride):
        super().__init__()
        self.out = width
        self.body = nn.Sequential(conv(c_in, width, 3, stride), nn.ReLU(inplace=True), conv(width, width))
        self.skip = nn.Identity() if stride == 1 and c_in == width else conv(c_in, width, 1, stride)

    def forward(self, x):
        return F.relu(self.skip(x) + self.body(x))


class Bottleneck(nn.Module):
    def __init__(self, c_in, width, stride):
        super().__init__()
        self.out = 4 * width
        self.body = nn.Sequential(
            *(conv(c_in, width, 1), nn.ReLU(inplace=True)),
            *(conv(width, width, 3, stride), nn.ReLU(inplace=True)),
            conv(width, self.out, 1),
        )
        self.skip = nn.Identity() if stride == 1 and c_in == self.out else conv(c_in, self.out, 1, stride)

    def forward(self, x):
        return F.relu(self.skip(x) + self.body(x))


def resnet_body(depth, width, channels, small_stem):
    """`small_stem` keeps the first stage at full resolution, for images of less than about 64 pixels."""
    c = base = round(64 * width)
    stem = [*conv(channels, base, *((3,) if small_stem else (7, 2))), nn.ReLU(inplace=True)]
    block = Bottleneck if depth >= 50 else Basic
    stages = []
    for stage, blocks in enumerate(RESNET_STAGES[depth]):
        layers = []
        for k in range(blocks):
            layers.append(block(c, base * 2**stage, 2 if stage > 0 and k == 0 else 1))
            c = layers[-1].out
        stages.append(nn.Sequential(*layers))
    near = nn.Sequential(nn.Sequential(*stem), nn.Identity() if small_stem else nn.MaxPool2d(3, 2, 1), *stages[:3])
    return near, stages[3]


def vgg_body(depth, width, channels):
    stages, c = [], channels
    for stage, convs in enumerate(VGG_STAGES[depth]):
        layers = []
        for _ in range(convs):
            layers += [*conv(c, round(64 * width) * 2**stage), nn.ReLU(inplace=True)]
            c = round(64 * width) * 2**stage
        stages.append(nn.Sequential(*layers, nn.MaxPool2d(2)))
    return nn.Sequential(*stages[:3]), stages[3]


class Classifier(nn.Module):
    """uint8 [N,H,W,C] -> logit [N,1], and beside it the logits of a coarse map [N,h,w] of where the defect is.

    The mean of the last features tells of the whole, their maximum of one small spot, the hottest cell of the map of what masks
    have taught. Without masks the map learns from the label alone, through that hottest cell.
    """

    def __init__(self, near, far, channels, dropout, kinds):
        super().__init__()
        self.near, self.far = near, far
        # One look decides the sizes, so that no family has to tell its own.
        with torch.no_grad():
            here = near.eval()(torch.zeros(1, channels, 64, 64))
            features = far.eval()(here).shape[1]
        self.spots = nn.Conv2d(here.shape[1], 1, 1)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * features + 1, 1))
        # For training only: which kind of defect it is says more about it than that it is one.
        self.kinds = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * features + 1, kinds)) if kinds > 0 else None
        self.register_buffer("mean", torch.full((1, channels, 1, 1), 128.0))
        self.register_buffer("std", torch.full((1, channels, 1, 1), 64.0))
        # Platt: what is served is sigmoid(scale * logit + shift).
        self.register_buffer("scale", torch.ones(1))
        self.register_buffer("shift", torch.zeros(1))

    def all(self, image):
        """logit [N,1], map of logits [N,h,w], embedding [N,2*features+1]: what the last layer sees."""
        x = (image.permute(0, 3, 1, 2).float() - self.mean) / self.std
        near = self.near(x)
        spots = self.spots(near)
        far = self.far(near)
        pooled = torch.cat([far.mean(dim=(2, 3)), far.amax(dim=(2, 3)), spots.amax(dim=(2, 3))], dim=1)
        return self.head(pooled) * self.scale + self.shift, spots[:, 0], pooled

    def both(self, image):
        return self.all(image)[:2]

    def forward(self, image):
        return self.all(image)[0]


def build(architecture, channels, width=1.0, small_stem=False, dropout=0.2, kinds=0):
    """`kinds` of images to tell apart while training. `architecture`: resnet18, resnet34, resnet50, vgg11, vgg13 or vgg16. @raises SystemExit for another"""
    family, depth = architecture.rstrip("0123456789"), int("0" + "".join(filter(str.isdigit, architecture)))
    if family == "resnet" and depth in RESNET_STAGES:
        near, far = resnet_body(depth, width, channels, small_stem)
    elif family == "vgg" and depth in VGG_STAGES:
        near, far = vgg_body(depth, width, channels)
    else:
        raise SystemExit(f"expected resnet18/34/50 or vgg11/13/16, got {architecture}")
    return Classifier(near, far, channels, dropout, kinds)


class Mirrored(nn.Module):
    """The mean over the four mirrored views of an image: steadier, at four times the cost."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    @property
    def scale(self):
        return self.net.scale

    @property
    def shift(self):
        return self.net.shift

    def all(self, image):
        views = []
        for dims in ((), (1,), (2,), (1, 2)):  # rows and columns, of images [N,H,W,C] and maps [N,h,w] alike
            logit, spots, pooled = self.net.all(torch.flip(image, dims) if dims else image)
            views.append((logit, torch.flip(spots, dims) if dims else spots, pooled))
        return tuple(sum(values) / 4 for values in zip(*views))

    def forward(self, image):
        return self.all(image)[0]


class Scored(nn.Module):
    """The graph that is served: calibrated probability of a defect, float32 [N,1], where, float32 [N,h,w], and what the last layer
    sees, float32 [N,width]."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, image):
        logit, spots, pooled = self.net.all(image)
        return torch.sigmoid(logit), torch.sigmoid(spots), pooled
