#!/usr/bin/env python3
"""Trains the two networks of `loupe teach`, on drawn images (procedural.py) and on infrared ones too, and writes backbone.onnx.

    train_backbone.py OUT_FOLDER [--init PT] [--infrared FOLDER] [--minutes N] [--threads N] [--seed N]     # backbone.pt
    train_backbone.py OUT_FOLDER --export DRAWN.pt INFRARED.pt                                              # backbone.onnx

Two questions: where in this drawn image is something that does not belong there, and what is wrong with this photovoltaic
module? FOLDER is infrared_solar_modules (MIT); a fifth of it, `is_held_out`, is never trained on. Needs PyTorch >= 1.13, and
for the infrared images Pillow.
"""

import argparse
import copy
import csv
import math
import pathlib
import time
import zlib

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


class Backbone(nn.Module):
    """uint8 [N,H,W,3] -> feature maps of five depths; `cells` is the defect map at a quarter of the resolution."""

    WIDTHS = (16, 40, 80, 128)

    def __init__(self):
        super().__init__()
        a, b, c, d = self.WIDTHS
        self.one = nn.Sequential(convolution(3, a, 5, 2), Residual(a))
        self.two = nn.Sequential(convolution(a, b, 3, 2), Residual(b))
        self.three = nn.Sequential(convolution(b, c, 3, 2), Residual(c))
        self.four = nn.Sequential(convolution(c, d, 3, 2), Residual(d))
        self.from_four, self.from_three, self.from_two = nn.Conv2d(d, 48, 1), nn.Conv2d(c, 48, 1), nn.Conv2d(b, 48, 1)
        self.join = nn.Sequential(nn.ReLU(), convolution(48, 32))
        self.cells = nn.Conv2d(32, 1, 1)

    def maps(self, image):
        x = image.permute(0, 3, 1, 2).float()
        # Each image by its own light: exposures differ, and what the exposure is says nothing about the part.
        mean = x.mean(dim=(1, 2, 3), keepdim=True)
        x = x - mean
        x = x / (torch.sqrt((x * x).mean(dim=(1, 2, 3), keepdim=True)) + 4.0)
        one = self.one(x)
        two = self.two(one)
        three = self.three(two)
        four = self.four(three)
        up = F.interpolate(self.from_four(four), scale_factor=2.0, mode="nearest") + self.from_three(three)
        joined = self.join(F.interpolate(up, scale_factor=2.0, mode="nearest") + self.from_two(two))
        return one, two, three, four, joined, self.cells(joined)


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


def quantiles(maps):
    """[N,1,H,W] -> [N,11]: the values that 0 ... 100 % of the cells do not exceed."""
    ascending = torch.sort(maps.flatten(1), dim=1).values
    last = maps.shape[2] * maps.shape[3] - 1
    shares = torch.tensor([0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1])
    return ascending.index_select(1, (shares * last).round().long())


def levels(grey):
    """[N,1,H,W] in the image's own greys -> [N,99]: brightness, local spread and local difference at three scales."""
    parts, x = [], F.avg_pool2d(grey, 2)
    for _ in range(3):
        mean = F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
        spread = F.avg_pool2d(x * x, 3, stride=1, padding=1, count_include_pad=False) - mean * mean
        wide = F.avg_pool2d(x, 5, stride=1, padding=2, count_include_pad=False)
        parts += [quantiles(x), quantiles(torch.log1p(torch.sqrt(torch.clamp(spread, min=0)))), quantiles(x - wide)]
        x = F.avg_pool2d(x, 2)
    return torch.cat(parts, dim=1)


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
    """Maps -> [N,cells,64]: one row per square of `stride` pixels, whitened as the drawn good parts are."""

    WIDTH = 64
    AT = (1, 2, 4, 8, 2, 4, 8, 16, 4, 4)  # pixels per cell of the filters' four scales and of the network's six maps

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
        axes = (vectors[:, -self.WIDTH :] / values[-self.WIDTH :].sqrt()).T.flip(0)
        self.axes[:, :, 0, 0] = axes

    def forward(self, maps):
        scaled = ((strided(maps, self.stride, self.AT) - self.means) * self.factors).clamp(-5, 5)
        return F.conv2d(scaled, self.axes).flatten(2).permute(0, 2, 1)


class Embedding(nn.Module):
    """uint8 [N,H,W,3] -> what `loupe teach` learns from: four blocks float32 [N,D], and patches float32 [N,cells,64]."""

    OUTPUTS = ("levels", "filters", "network", "infrared", "patches_8", "patches_16")

    def __init__(self, net, infrared):
        super().__init__()
        self.net, self.infrared = net, infrared
        self.register_buffer("bank", filters())
        channels = 4 * 16 + sum(Backbone.WIDTHS) + 33
        self.fine, self.coarse = Patches(8, channels), Patches(16, channels)

    def maps(self, grey):
        mean = grey.mean(dim=(2, 3), keepdim=True)
        x = grey - mean
        x = x / (torch.sqrt((x * x).mean(dim=(2, 3), keepdim=True)) + 4.0)
        found = []
        for _ in range(4):
            r = F.conv2d(F.pad(x, (4, 4, 4, 4), mode="reflect"), self.bank)
            edges = r[:, 1::2].abs()
            maps = [F.relu(r[:, :1]), F.relu(-r[:, :1]), edges, F.relu(r[:, 2::2]), F.relu(-r[:, 2::2])]
            maps += [edges.amax(dim=1, keepdim=True), edges.amin(dim=1, keepdim=True)]
            found.append(torch.log1p(20 * torch.cat(maps, dim=1)))
            x = F.avg_pool2d(x, 2)
        return found

    def fit_patches(self, images):
        maps = [*self.maps(images.permute(0, 3, 1, 2).float().mean(dim=1, keepdim=True)), *self.net.maps(images)]
        self.fine.fit(maps)
        self.coarse.fit(maps)

    def forward(self, image):
        grey = image.permute(0, 3, 1, 2).float().mean(dim=1, keepdim=True)
        fixed, learned = self.maps(grey), list(self.net.maps(image))
        every = fixed, learned, self.infrared.maps(image)
        blocks = [torch.cat([statistics(maps) for maps in each], dim=1) for each in every]
        return levels(grey), *blocks, self.fine(fixed + learned), self.coarse(fixed + learned)


class Cache:
    """Drawn images: new ones until there are `most`, then those again, mirrored and turned; drawing costs as much as learning."""

    def __init__(self, most):
        self.most, self.images, self.cells = most, [], []

    def batch(self, count):
        if len(self.images) * count < self.most:
            images, cells, _ = procedural.batch(count)
            self.images.append(images)
            self.cells.append(cells)
            return images, cells
        picks = torch.randint(len(self.images) * count, (count,)).tolist()
        images = torch.stack([self.images[k // count][k % count] for k in picks])
        cells = torch.stack([self.cells[k // count][k % count] for k in picks])
        turns, flips = int(torch.randint(4, ())), bool(torch.rand(()) < 0.5)
        images, cells = torch.rot90(images, turns, (1, 2)), torch.rot90(cells, turns, (1, 2))
        return (images.flip(2), cells.flip(2)) if flips else (images, cells)


def cropped(images, cells, size):
    """The same square of every image, cells and all."""
    top, left = (int(torch.randint((procedural.SIZE - size) // procedural.CELL + 1, ())) for _ in range(2))
    there = slice(top, top + size // procedural.CELL), slice(left, left + size // procedural.CELL)
    pixels = tuple(slice(each.start * procedural.CELL, each.stop * procedural.CELL) for each in there)
    return images[:, pixels[0], pixels[1]], cells[:, there[0], there[1]]


def is_held_out(name):
    """A fifth of the infrared images, by name: what `loupe teach` is measured on."""
    return zlib.crc32(name.encode()) % 5 == 0


class Infrared:
    """The trained-on images of infrared_solar_modules, uint8 [n,40,24], and their classes."""

    def __init__(self, folder):
        import numpy
        from PIL import Image

        with open(folder / "manifest.csv", newline="") as file:
            rows = [row for row in csv.DictReader(file) if not is_held_out(row["image"])]
        self.names = sorted({row["class"] for row in rows})
        grey = [numpy.asarray(Image.open(folder / row["image"]).convert("L").resize((24, 40))) for row in rows]
        self.images = torch.from_numpy(numpy.stack(grey))
        self.classes = torch.tensor([self.names.index(row["class"]) for row in rows])

    def batch(self, count, size):
        picks = torch.randint(len(self.classes), (count,))
        images = self.images[picks][:, None].float()
        if torch.rand(()) < 0.5:
            images = images.flip(2)
        if torch.rand(()) < 0.5:
            images = images.flip(3)
        images = F.interpolate(images, size=(size, size), mode="bilinear").clamp(0, 255).round()
        return images.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).to(torch.uint8), self.classes[picks]


def area_under_roc(scores, labels):
    difference = scores[labels == 1][:, None] - scores[labels == 0][None, :]
    return ((difference > 0).float() + 0.5 * (difference == 0).float()).mean().item()


def train(net, infrared, minutes, count, seed, save):
    torch.manual_seed(seed)
    held_out = [procedural.batch(32) for _ in range(8)]
    cache = Cache(10_000)
    kinds = nn.Linear(2 * sum(Backbone.WIDTHS[1:]), len(infrared.names) if infrared else 1)
    parameters = [*net.parameters(), *kinds.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=2e-3, weight_decay=1e-3)
    average = copy.deepcopy(net)
    began, step, total = time.time(), 0, torch.zeros(2)
    while (progress := (time.time() - began) / (60 * minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * min(1.0, (step + 1) / 100) * (1 - progress) + 1e-5
        size = 64 if step % 4 else procedural.SIZE
        images, cells = cropped(*cache.batch(count), size)
        drawn = len(images)
        if infrared:
            modules, classes = infrared.batch(count * 2 // 3, size)
            images = torch.cat([images, modules])
        maps = net.maps(images)
        logits = maps[5][:drawn, 0]
        loss = F.binary_cross_entropy_with_logits(logits, cells.float(), pos_weight=torch.tensor(20.0))
        # The image as a whole: its strongest cells, softly.
        strongest = logits.flatten(1).topk(6).values.mean(dim=1)
        loss = loss + 0.1 * F.binary_cross_entropy_with_logits(strongest, cells.flatten(1).any(dim=1).float())
        kind = torch.zeros(())
        if infrared:
            seen = [each[drawn:] for each in maps[1:4]]
            seen = torch.cat([each.mean(dim=(2, 3)) for each in seen] + [each.amax(dim=(2, 3)) for each in seen], dim=1)
            kind = F.cross_entropy(kinds(seen), classes)
        optimizer.zero_grad()
        (loss + 0.5 * kind).backward()
        nn.utils.clip_grad_norm_(parameters, 5.0)
        optimizer.step()
        with torch.no_grad():
            keep = min(0.998, step / (step + 20))
            for kept, new in zip(average.state_dict().values(), net.state_dict().values()):
                kept.mul_(keep).add_(new, alpha=1 - keep) if kept.is_floating_point() else kept.copy_(new)
        step, total = step + 1, total + torch.tensor([loss.item(), kind.item()])
        if step % 200 == 0:
            average.eval()
            with torch.no_grad():
                scores = torch.cat([average.maps(images)[5].flatten(1).topk(6).values.mean(dim=1) for images, _, _ in held_out])
            area = area_under_roc(scores, torch.cat([labels for _, _, labels in held_out]))
            drawn_loss, kind_loss = (total / 200).tolist()
            print(f"step {step}  drawn {drawn_loss:.4f}  infrared {kind_loss:.4f}  drawn AUROC {area:.4f}  {time.time() - began:.0f} s", flush=True)
            total = torch.zeros(2)
            save(average)
    return average.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--infrared", type=pathlib.Path, help="folder of infrared_solar_modules")
    parser.add_argument("--init", type=pathlib.Path, help="backbone.pt to go on from")
    parser.add_argument("--minutes", type=float, default=80)
    parser.add_argument("--batch", type=int, default=28)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--export", type=pathlib.Path, nargs=2, metavar="PT", help="no training: drawn and infrared network to a graph")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    checkpoint = args.out / "backbone.pt"

    def save(net):
        torch.save(net.state_dict(), checkpoint.with_suffix(".new"))
        checkpoint.with_suffix(".new").rename(checkpoint)

    def network(file):
        net = Backbone()
        if file:
            net.load_state_dict(torch.load(file))
        return net.eval()

    if not args.export:
        infrared = Infrared(args.infrared) if args.infrared else None
        save(train(network(args.init).train(), infrared, args.minutes, args.batch, args.seed, save))
        return
    embedding = Embedding(*map(network, args.export)).eval()
    torch.manual_seed(args.seed)
    with torch.no_grad():
        embedding.fit_patches(torch.cat([procedural.photographed(procedural.parts(40)) for _ in range(5)]))
    free = {"image": {0: "n", 1: "h", 2: "w"}}
    torch.onnx.export(
        embedding,
        torch.zeros(2, 128, 128, 3, dtype=torch.uint8),
        str(args.out / "backbone.onnx"),
        opset_version=16,
        input_names=["image"],
        output_names=list(Embedding.OUTPUTS),
        dynamic_axes=free | {name: {0: "n", **({1: "cells"} if "patches" in name else {})} for name in Embedding.OUTPUTS},
    )


if __name__ == "__main__":
    main()
