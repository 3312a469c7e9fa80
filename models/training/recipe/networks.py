"""Networks from uint8 pixels to the logit of a defect. Normalisation is part of the graph: a server hands pixels over.

A body is two halves: `near` ends with the third stage, `far` is the rest. The map of defects is drawn from the second and third.
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
    """uint8 [N,H,W,C] -> logit [N,1], and beside it the logits of a map [N,h,w] of where the defect is.

    Two opinions, each taught by the label for itself, and their mean: the whole (mean and maximum of the last features) and the
    place (the hottest fiftieth of the map, at the resolution of the second stage, so that a small defect does not drown).
    Masks, where there are some, teach the map cell by cell.
    """

    def __init__(self, near, far, channels, dropout, kinds, own_light):
        super().__init__()
        self.near, self.far, self.own_light = near, far, own_light
        # One look decides the sizes, so that no family has to tell its own.
        with torch.no_grad():
            fine, coarse, features = (each.shape[1] for each in self.eval().features(torch.zeros(1, channels, 64, 64)))
        self.from_fine, self.from_coarse = conv(fine, fine, 1), conv(coarse, fine, 1)
        self.join = nn.Sequential(*conv(fine, fine), nn.ReLU(inplace=True))
        self.spots = nn.Conv2d(fine, 1, 1)
        self.place = nn.Linear(1, 1)
        nn.init.ones_(self.place.weight)
        nn.init.zeros_(self.place.bias)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * features, 1))
        # For training only: which kind of defect it is says more about it than that it is one.
        self.kinds = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * features, kinds)) if kinds > 0 else None
        self.register_buffer("mean", torch.full((1, channels, 1, 1), 128.0))
        self.register_buffer("std", torch.full((1, channels, 1, 1), 64.0))
        # Platt: what is served is sigmoid(scale * logit + shift).
        self.register_buffer("scale", torch.ones(1))
        self.register_buffer("shift", torch.zeros(1))

    def features(self, x):
        """What the second, the third and the last stage make of it, each at half the resolution of the one before."""
        for stage in self.near[:-1]:
            x = stage(x)
        coarse = self.near[-1](x)
        return x, coarse, self.far(coarse)

    def normalised(self, image):
        x = image.permute(0, 3, 1, 2).float()
        if not self.own_light:
            return (x - self.mean) / self.std
        x = x - x.mean(dim=(1, 2, 3), keepdim=True)
        return x / (torch.sqrt((x * x).mean(dim=(1, 2, 3), keepdim=True)) + 4.0)

    def places(self, fine, coarse):
        """Features of places [N,c,h,w], at the resolution of `fine`."""
        wide = F.interpolate(self.from_coarse(coarse), size=fine.shape[2:], mode="nearest")
        return self.join(F.relu(self.from_fine(fine) + wide))

    def seen(self, image):
        """Features of places [N,c,h,w] at the resolution of the second stage, and of the whole [N,2*features]."""
        fine, coarse, far = self.features(self.normalised(image))
        return self.places(fine, coarse), torch.cat([far.mean(dim=(2, 3)), far.amax(dim=(2, 3))], dim=1)

    def judged(self, places, pooled):
        """What `seen` gives -> logits of the whole and of the place [N,1], map of logits [N,h,w]."""
        spots = self.spots(places)[:, 0]
        hottest = spots.flatten(1).topk(max(1, spots.shape[1] * spots.shape[2] // 50), dim=1).values.mean(dim=1, keepdim=True)
        return self.head(pooled), self.place(hottest), spots

    def opinions(self, image):
        """logits of the whole and of the place [N,1], map of logits [N,h,w], last features [N,2*features]."""
        places, pooled = self.seen(image)
        return (*self.judged(places, pooled), pooled)

    def all(self, image):
        """logit [N,1], map of logits [N,h,w], embedding [N,2*features+1]: what the last layers see."""
        whole, place, spots, pooled = self.opinions(image)
        return (whole + place) / 2 * self.scale + self.shift, spots, torch.cat([pooled, place], dim=1)

    def forward(self, image):
        return self.all(image)[0]


def build(architecture, channels, width=1.0, small_stem=False, dropout=0.2, kinds=0, own_light=False):
    """`kinds` of images to tell apart while training. `own_light`: each image by its own mean and deviation.

    `architecture`: resnet18, resnet34, resnet50, vgg11, vgg13 or vgg16. @raises SystemExit for another
    """
    family, depth = architecture.rstrip("0123456789"), int("0" + "".join(filter(str.isdigit, architecture)))
    if family == "resnet" and depth in RESNET_STAGES:
        near, far = resnet_body(depth, width, channels, small_stem)
    elif family == "vgg" and depth in VGG_STAGES:
        near, far = vgg_body(depth, width, channels)
    else:
        raise SystemExit(f"expected resnet18/34/50 or vgg11/13/16, got {architecture}")
    return Classifier(near, far, channels, dropout, kinds, own_light)


class Together(nn.Module):
    """The mean over several networks, and with `mirrors` over the four mirrored views of an image: steadier, and as many times the cost.

    `known`: one more opinion beside them, a `recipe.known.Known`; `weigh` says how much it and they count. It or `familiar`, a
    `recipe.familiar.Familiar`, doubts what is a picture of something else.
    """

    def __init__(self, nets, mirrors=False, known=None, familiar=None):
        super().__init__()
        self.nets, self.known, self.familiar = nn.ModuleList(nets), known, familiar
        self.views = ((), (1,), (2,), (1, 2)) if mirrors else ((),)  # rows and columns, of images [N,H,W,C] and maps [N,h,w] alike
        self.register_buffer("weigh", torch.tensor([1.0, 0.0]))
        self.register_buffer("scale", torch.ones(1))
        self.register_buffer("shift", torch.zeros(1))

    def all(self, image):
        """As `Classifier.all`, the embedding that of each network, one after the other; and the doubt [N,1], None where nothing doubts."""
        seen = []
        for dims in self.views:
            view = torch.flip(image, dims) if dims else image
            logits, maps, pooled = zip(*(net.all(view) for net in self.nets))
            spots = sum(maps) / len(maps)
            seen.append((sum(logits) / len(logits), torch.flip(spots, dims) if dims else spots, torch.cat(pooled, dim=1)))
        logit, spots, pooled = (sum(values) / len(values) for values in zip(*seen))
        doubt = None if self.familiar is None else self.familiar(image)
        if self.known is not None:
            known, doubt = self.known.all(image)
            logit = self.weigh[0] * logit + self.weigh[1] * known
        return logit * self.scale + self.shift, spots, pooled, doubt

    def forward(self, image):
        return self.all(image)[0]


class Scored(nn.Module):
    """The graph that is served, of `Together` with a doubt: calibrated probability of a defect and doubt, float32 [N,1] each, where,
    float32 [N,h,w], and what the last layer sees, float32 [N,width]."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, image):
        logit, spots, pooled, doubt = self.net.all(image)
        return torch.sigmoid(logit), doubt, torch.sigmoid(spots), pooled
