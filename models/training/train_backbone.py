#!/usr/bin/env python3
"""Trains the backbone of `loupe teach` on drawn images (procedural.py) and writes backbone.onnx.

    train_backbone.py OUT_FOLDER [--minutes N] [--threads N] [--seed N]

Pretext: where in this image is something that does not belong there? Needs PyTorch >= 1.13, nothing else.
"""

import argparse
import copy
import math
import pathlib
import time

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


class Embedding(nn.Module):
    """uint8 [N,H,W,3] -> float32 [N,D]: statistics of fixed filters at four scales, and of the learned maps."""

    def __init__(self, net):
        super().__init__()
        self.net = net
        self.register_buffer("bank", filters())

    def forward(self, image):
        x = image.permute(0, 3, 1, 2).float().mean(dim=1, keepdim=True)
        mean = x.mean(dim=(2, 3), keepdim=True)
        x = x - mean
        x = x / (torch.sqrt((x * x).mean(dim=(2, 3), keepdim=True)) + 4.0)
        parts = []
        for _ in range(4):
            r = F.conv2d(F.pad(x, (4, 4, 4, 4), mode="reflect"), self.bank)
            edges = r[:, 1::2].abs()
            maps = [F.relu(r[:, :1]), F.relu(-r[:, :1]), edges, F.relu(r[:, 2::2]), F.relu(-r[:, 2::2])]
            maps += [edges.amax(dim=1, keepdim=True), edges.amin(dim=1, keepdim=True)]
            parts.append(statistics(torch.log1p(20 * torch.cat(maps, dim=1))))
            x = F.avg_pool2d(x, 2)
        if self.net is not None:
            parts += [statistics(maps) for maps in self.net.maps(image)]
        return torch.cat(parts, dim=1)


class Drawn(torch.utils.data.IterableDataset):
    def __init__(self, size, seed):
        super().__init__()
        self.size, self.seed = size, seed

    def __iter__(self):
        torch.manual_seed(self.seed)
        torch.set_num_threads(1)
        while True:
            yield procedural.batch(self.size)


def area_under_roc(scores, labels):
    difference = scores[labels == 1][:, None] - scores[labels == 0][None, :]
    return ((difference > 0).float() + 0.5 * (difference == 0).float()).mean().item()


def train(net, minutes, size, seed, save):
    loader = iter(torch.utils.data.DataLoader(Drawn(size, seed), batch_size=None, num_workers=1, prefetch_factor=4))
    held_out = [next(loader) for _ in range(8)]
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
    average = copy.deepcopy(net)
    began, step, total = time.time(), 0, 0.0
    while (progress := (time.time() - began) / (60 * minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * min(1.0, (step + 1) / 100) * (1 - progress) + 1e-5
        images, cells, labels = next(loader)
        logits = net.maps(images)[5][:, 0]
        weight = torch.tensor(20.0)
        loss = F.binary_cross_entropy_with_logits(logits, cells.float(), pos_weight=weight)
        # The image as a whole: its strongest cells, softly.
        strongest = logits.flatten(1).topk(6).values.mean(dim=1)
        loss = loss + 0.1 * F.binary_cross_entropy_with_logits(strongest, labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        with torch.no_grad():
            keep = min(0.998, step / (step + 20))
            for kept, new in zip(average.state_dict().values(), net.state_dict().values()):
                kept.mul_(keep).add_(new, alpha=1 - keep) if kept.is_floating_point() else kept.copy_(new)
        step, total = step + 1, total + loss.item()
        if step % 100 == 0:
            average.eval()
            with torch.no_grad():
                scores = torch.cat([average.maps(images)[5].flatten(1).topk(6).values.mean(dim=1) for images, _, _ in held_out])
            area = area_under_roc(scores, torch.cat([labels for _, _, labels in held_out]))
            print(f"step {step}  loss {total / 100:.4f}  drawn AUROC {area:.4f}  {time.time() - began:.0f} s", flush=True)
            total = 0.0
            save(average)
    return average.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--export-only", action="store_true", help="write the graph of the checkpoint that is there")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    checkpoint = args.out / "backbone.pt"

    def save(net):
        torch.save(net.state_dict(), checkpoint.with_suffix(".new"))
        checkpoint.with_suffix(".new").rename(checkpoint)

    if not args.export_only:
        save(train(Backbone(), args.minutes, args.batch, args.seed, save))
    net = Backbone()
    net.load_state_dict(torch.load(checkpoint))
    torch.onnx.export(
        Embedding(net).eval(),
        torch.zeros(2, 128, 128, 3, dtype=torch.uint8),
        str(args.out / "backbone.onnx"),
        opset_version=16,
        input_names=["image"],
        output_names=["embedding"],
        dynamic_axes={"image": {0: "n", 1: "h", 2: "w"}, "embedding": {0: "n"}},
    )


if __name__ == "__main__":
    main()
