"""What `loupe teach` learns from, of the two trained networks and fixed filters: `model.onnx` of models/backbone as a module."""

import math
import pathlib

import torch
from torch import nn
from torch.nn import functional as F

import procedural
from backbone_network import DrawnNetwork, InfraredNetwork, by_its_own_light

INFRARED_EDGE = 64
# Of a grey.
LEAST_SPREAD = 0.5
# The states of both networks, as `export_backbone.py` put them together.
WEIGHTS = pathlib.Path(__file__).resolve().parent / "backbone.weights.pt"


def filters():
    """Nine 9x9 filters: a blob detector, and edges and lines at four angles."""
    line = torch.arange(-4, 5).float()
    y, x = torch.meshgrid(line, line, indexing="ij")

    def blur(s):
        g = torch.exp(-(x * x + y * y) / (2 * s * s))
        return g / g.sum()

    bank = [blur(1.0) - blur(2.0)]
    for k in range(4):
        angle = torch.tensor(k * math.pi / 4)
        u, v = x * angle.cos() + y * angle.sin(), -x * angle.sin() + y * angle.cos()
        window = torch.exp(-u * u / (2 * 1.2**2) - v * v / (2 * 2.4**2))
        edge, ridge = u * window, (u * u / 1.44 - 1) * window
        ridge = ridge - ridge.mean()
        bank += [edge / edge.abs().sum(), ridge / ridge.abs().sum()]
    return torch.stack(bank)[:, None]


def filtered(x, bank, scales=4):
    """[N,1,H,W], standardised -> 16 maps at each of four scales: 1, 2, 4, 8 pixels per cell. At the last one an edge is to be 5 cells."""
    found = []
    for _ in range(scales):
        r = F.conv2d(F.pad(x, (4, 4, 4, 4), mode="reflect"), bank)
        edges = r[:, 1::2].abs()
        maps = [F.relu(r[:, :1]), F.relu(-r[:, :1]), edges, F.relu(r[:, 2::2]), F.relu(-r[:, 2::2])]
        maps += [edges.amax(dim=1, keepdim=True), edges.amin(dim=1, keepdim=True)]
        found.append(torch.log1p(20 * torch.cat(maps, dim=1)))
        x = F.avg_pool2d(x, 2)
    return found


def statistics(maps):
    """[N,C,H,W] -> [N,7C]: level, spread and what stands out of it, so that a few patches of many count."""
    mean = maps.mean(dim=(2, 3))
    centred = maps - mean[:, :, None, None]
    deviation = torch.sqrt((centred * centred).mean(dim=(2, 3))) + 1e-3
    most = maps.amax(dim=(2, 3))
    broad = F.avg_pool2d(maps, 3, stride=1, padding=1, count_include_pad=False).amax(dim=(2, 3))
    ratio = centred / deviation[:, :, None, None]
    peaked = torch.log1p((ratio * ratio * ratio * ratio).mean(dim=(2, 3)))
    return torch.cat([mean, deviation, most, broad, (most - mean) / deviation, (broad - mean) / deviation, peaked], dim=1)


def descending(maps):
    """Each map's cells, the largest first. [N,C,H*W]"""
    return -torch.sort(-maps.flatten(2), dim=2).values


def quantiles(maps):
    """[N,1,H,W] -> [N,11]: the values that 0 ... 100 % of the cells do not exceed."""
    ascending = torch.sort(maps.flatten(1), dim=1).values
    last = maps.shape[2] * maps.shape[3] - 1
    shares = torch.tensor([0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1])
    return ascending.index_select(1, (shares * last).round().long())


def spread_of(x):
    """Deviation within 3x3 cells, at least `LEAST_SPREAD`: less is rounding, of the picture and of the runtime."""
    x = x - x.mean(dim=(2, 3), keepdim=True)
    mean = F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
    square = F.avg_pool2d(x * x, 3, stride=1, padding=1, count_include_pad=False)
    return torch.sqrt(torch.clamp(square - mean * mean, min=LEAST_SPREAD**2))


def levels(grey):
    """[N,1,H,W] in the image's own greys -> [N,99]: brightness, local spread and local difference at three scales."""
    parts, x = [], F.avg_pool2d(grey, 2)
    for _ in range(3):
        wide = F.avg_pool2d(x, 5, stride=1, padding=2, count_include_pad=False)
        parts += [quantiles(x), quantiles(torch.log1p(spread_of(x))), quantiles(x - wide)]
        x = F.avg_pool2d(x, 2)
    return torch.cat(parts, dim=1)


def standing_out(logits):
    """[N,K,h,w] -> [N,7K]: the strongest cell, the mean of the strongest 0.3 to 30 %, and the mean."""
    strongest = descending(logits)
    rank = torch.arange(1, 1 + strongest.shape[2]).float()
    parts = [strongest[:, :, 0]]
    for share in (0.003, 0.01, 0.03, 0.1, 0.3):
        within = (rank <= torch.clamp(share * rank[-1] + 0.5, min=1).floor()).float()
        parts.append((strongest * within).sum(dim=2) / within.sum())
    return torch.cat([*parts, logits.mean(dim=(2, 3))], dim=1)


def strided(maps, stride, at):
    """Every map at one cell per `stride` pixels of the image; `at` are the pixels per cell that each has. [N,C,H/stride,W/stride]"""
    cells = []
    for each, step in zip(maps, at):
        if step < stride:
            each = F.max_pool2d(each, stride // step)
        elif step > stride:
            each = F.interpolate(each, scale_factor=float(step // stride), mode="nearest")
        cells.append(each)
    return torch.cat(cells, dim=1)


class Patches(nn.Module):
    """Maps -> [N,cells,WIDTH]: one row per square of `stride` pixels, whitened as the drawn good parts are."""

    AT = (4, 4, 8, 16, 1, 2, 4, 8)  # pixels per cell of kinds, joined, three, four and the filters' four scales
    WIDTH = 64

    def __init__(self, stride, channels):
        super().__init__()
        self.stride = stride
        self.register_buffer("means", torch.zeros(channels, 1, 1))
        self.register_buffer("factors", torch.ones(channels, 1, 1))
        self.register_buffer("axes", torch.zeros(self.WIDTH, channels, 1, 1))

    def fit(self, maps):
        rows = strided(maps, self.stride, self.AT).permute(0, 2, 3, 1).flatten(0, 2)
        self.means[:, 0, 0], self.factors[:, 0, 0] = rows.mean(dim=0), 1 / (rows.std(dim=0) + 1e-2)
        scaled = ((rows - self.means[:, 0, 0]) * self.factors[:, 0, 0]).clamp(-5, 5)
        values, vectors = torch.linalg.eigh(torch.cov(scaled.T))
        self.axes[:, :, 0, 0] = (vectors[:, -self.WIDTH :] / values[-self.WIDTH :].sqrt()).T.flip(0)

    def forward(self, maps):
        scaled = ((strided(maps, self.stride, self.AT) - self.means) * self.factors).clamp(-5, 5)
        return F.conv2d(scaled, self.axes).flatten(2).permute(0, 2, 1)


class Embedding(nn.Module):
    """uint8 [N,H,W,3] -> what `loupe teach` learns from: five blocks float32 [N,D], and patches float32 [N,cells,64]."""

    OUTPUTS = ("levels", "filters", "network", "kinds", "infrared", "patches_8", "patches_16")

    def __init__(self, drawn, infrared):
        """The states of a trained DrawnNetwork and InfraredNetwork."""
        super().__init__()
        self.drawn, self.infrared = DrawnNetwork(), InfraredNetwork(infrared["classes.bias"].shape[0])
        self.drawn.load_state_dict(drawn)
        self.infrared.load_state_dict(infrared)
        self.register_buffer("bank", filters())
        _, _, c, d = DrawnNetwork.WIDTHS
        channels = 1 + len(procedural.KINDS) + DrawnNetwork.JOINED + c + d + 4 * 16
        self.fine, self.coarse = Patches(8, channels), Patches(16, channels)

    def seen(self, image):
        x = image.permute(0, 3, 1, 2).float()
        grey = x.mean(dim=1, keepdim=True)
        one, two, three, four, joined, kinds = self.drawn.seen(by_its_own_light(x))
        fixed = filtered(by_its_own_light(grey), self.bank)
        return x, grey, fixed, [one, two, three, four, joined], kinds

    def squares(self, fixed, learned, kinds):
        return [kinds, learned[4], learned[2], learned[3], *fixed]

    def fit_patches(self, images):
        _, _, *maps = self.seen(images)
        self.fine.fit(self.squares(*maps))
        self.coarse.fit(self.squares(*maps))

    def described(self, x, grey, fixed, learned, kinds):
        """What `seen` gives -> five blocks float32 [N,D]: levels, filters, network, kinds, infrared."""
        blocks = [torch.cat([statistics(maps) for maps in each], dim=1) for each in (fixed, learned)]
        # Once more at half the size, for what is large.
        large = self.drawn.seen(by_its_own_light(F.avg_pool2d(x, 2)))[5]
        found = torch.cat([standing_out(kinds), standing_out(large)], dim=1)
        # As the network saw its modules: small, whatever the size of the image.
        small = F.interpolate(x, size=(INFRARED_EDGE, INFRARED_EDGE), mode="bilinear")
        pooled, classes = self.infrared.seen(by_its_own_light(small))
        return levels(grey), *blocks, found, torch.cat([pooled, classes], dim=1)

    def blocks(self, image):
        return self.described(*self.seen(image))

    def forward(self, image):
        seen = self.seen(image)
        squares = self.squares(*seen[2:])
        return *self.described(*seen), self.fine(squares), self.coarse(squares)


def shipped():
    """The embedding of the weights that ship."""
    return Embedding(**torch.load(WEIGHTS, map_location="cpu", weights_only=True))
