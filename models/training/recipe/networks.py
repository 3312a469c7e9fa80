"""Networks from uint8 pixels to the logit of a defect. Normalisation is part of the graph: a server hands pixels over."""

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
    base = round(64 * width)
    stem = [conv(channels, base, 3), nn.ReLU(inplace=True)]
    if not small_stem:
        stem = [conv(channels, base, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    block = Bottleneck if depth >= 50 else Basic
    layers, c = list(stem), base
    for stage, blocks in enumerate(RESNET_STAGES[depth]):
        for k in range(blocks):
            layers.append(block(c, base * 2**stage, 2 if stage > 0 and k == 0 else 1))
            c = layers[-1].out
    return nn.Sequential(*layers), c


def vgg_body(depth, width, channels):
    layers, c = [], channels
    for stage, convs in enumerate(VGG_STAGES[depth]):
        for _ in range(convs):
            layers += [conv(c, round(64 * width) * 2**stage), nn.ReLU(inplace=True)]
            c = round(64 * width) * 2**stage
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers), c


class Classifier(nn.Module):
    """uint8 [N,H,W,C] -> logit [N,1], and beside it the logits of a coarse map [N,h,w] of where the defect is.

    The mean of the last features tells of the whole, their maximum of one small spot, the hottest cell of the map of what masks
    have taught. Without masks the map learns from the label alone, through that hottest cell.
    """

    def __init__(self, body, features, channels, dropout):
        super().__init__()
        self.body = body
        self.spots = nn.Conv2d(features, 1, 1)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * features + 1, 1))
        self.register_buffer("mean", torch.full((1, channels, 1, 1), 128.0))
        self.register_buffer("std", torch.full((1, channels, 1, 1), 64.0))
        self.register_buffer("temperature", torch.ones(1))

    def both(self, image):
        x = (image.permute(0, 3, 1, 2).float() - self.mean) / self.std
        x = self.body(x)
        spots = self.spots(x)
        pooled = torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3)), spots.amax(dim=(2, 3))], dim=1)
        return self.head(pooled) / self.temperature, spots[:, 0]

    def forward(self, image):
        return self.both(image)[0]


def build(architecture, channels, width=1.0, small_stem=False, dropout=0.2):
    """`architecture`: resnet18, resnet34, resnet50, vgg11, vgg13 or vgg16."""
    family, depth = architecture.rstrip("0123456789"), int("".join(filter(str.isdigit, architecture)))
    if family == "resnet":
        body, features = resnet_body(depth, width, channels, small_stem)
    elif family == "vgg":
        body, features = vgg_body(depth, width, channels)
    else:
        raise SystemExit(f"expected resnet18/34/50 or vgg11/13/16, got {architecture}")
    return Classifier(body, features, channels, dropout)


class Scored(nn.Module):
    """The graph that is served: calibrated probability of a defect, float32 [N,1], and where, float32 [N,h,w]."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, image):
        logit, spots = self.net.both(image)
        return torch.sigmoid(logit), torch.sigmoid(spots)
