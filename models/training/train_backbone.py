#!/usr/bin/env python3
"""Trains the two networks of `loupe teach`, and the one that `train_folder.py` starts from.

    train_backbone.py drawn.pt [--init PT] [--hold N] [--fall N]              # on drawn images: procedural.py
    train_backbone.py infrared.pt --infrared FOLDER [--hold N] [--fall N]     # on infrared_solar_modules (MIT)
    train_backbone.py drawn.weights.pt --recipe WIDTH [...]                   # on drawn images, a ResNet-18 of the recipe

Two questions: where in this drawn image is something that does not belong there, and of what kind; and what is wrong with this
photovoltaic module? A fifth of FOLDER, `is_held_out`, is never trained on. The learning rate is held for --hold steps and falls to
nothing in --fall steps; a run that was ended while it held goes on with `--init`. Needs PyTorch >= 1.13, and for the infrared
images Pillow. `export_backbone.py` makes the graph.
"""

import argparse
import copy
import csv
import pathlib
import time
import zlib

import torch
from torch import nn
from torch.nn import functional as F

import procedural
from backbone_network import DrawnNetwork, InfraredNetwork, by_its_own_light
from recipe.networks import build

RATE = 2e-3


class Cache:
    """Batches of drawn images: every third is new, the others are earlier ones mirrored and turned."""

    MOST = 400

    def __init__(self, source, count):
        self.source, self.count, self.batches = source, count, []

    def batch(self):
        if len(self.batches) < 8 or torch.rand(()) < 0.35:
            self.batches = [*self.batches[1 - self.MOST :], self.source.batch(self.count)]
            return self.batches[-1]
        images, cells = self.batches[int(torch.randint(len(self.batches), ()))]
        turns = int(torch.randint(4, ()))
        images, cells = torch.rot90(images, turns, (1, 2)), torch.rot90(cells, turns, (2, 3))
        return (images.flip(2), cells.flip(3)) if torch.rand(()) < 0.5 else (images, cells)


class Drawn:
    def __init__(self, count, precise):
        self.net, self.precise = DrawnNetwork(), precise
        source = procedural.Source()
        self.cache = Cache(source, count)
        self.held_out = [source.batch(32) for _ in range(8)]

    def maps(self, images, net):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=not self.precise):
            return net.seen(by_its_own_light(images.permute(0, 3, 1, 2).float()))[5].float()

    def loss(self):
        images, cells = self.cache.batch()
        maps = self.maps(images, self.net)
        wanted = torch.cat([anything(cells), cells], dim=1)
        weights = (wanted >= 0).float()
        weights[:, 1:] *= 3 / len(procedural.KINDS)
        each = F.binary_cross_entropy_with_logits(maps, wanted.clamp(min=0), pos_weight=torch.tensor(12.0), reduction="none")
        # The image as a whole: its strongest cells, softly.
        strongest = maps[:, 0].flatten(1).topk(4).values.mean(dim=1)
        whole = F.binary_cross_entropy_with_logits(strongest, (cells == 1).flatten(1).any(dim=1).float())
        return (each * weights).mean() * wanted.shape[1] + 0.1 * whole

    def figures(self, net):
        scores, labels, cell_scores, cell_labels = [], [], [], []
        for images, cells in self.held_out:
            maps = self.maps(images, net)[:, 0].flatten(1)
            wanted = anything(cells).flatten(1)
            scores.append(maps.topk(4).values.mean(dim=1))
            labels.append((wanted == 1).any(dim=1).float())
            cell_scores.append(maps.flatten()[::7])
            cell_labels.append(wanted.flatten()[::7])
        cells = area_under_roc(torch.cat(cell_scores), torch.cat(cell_labels))
        return f"AUROC of images {area_under_roc(torch.cat(scores), torch.cat(labels)):.4f}, of cells {cells:.4f}"


def anything(cells):
    """[N,kinds,h,w] of 1, 0, -1 (neither) -> [N,1,h,w]"""
    most, least = cells.amax(dim=1, keepdim=True), cells.amin(dim=1, keepdim=True)
    return torch.where(most == 1, most, least)


def is_held_out(name):
    """A fifth of the infrared images, by name: what `loupe teach` is measured on."""
    return zlib.crc32(name.encode()) % 5 == 0


class Start:
    """As `Drawn`, for the network that `train_folder.py` begins with where there are few parts."""

    def __init__(self, width, count, precise):
        kinds = len(procedural.KINDS)
        net = build("resnet18", channels=1, width=width, kinds=kinds, own_light=True)
        # For training only: what kind of defect each place shows.
        net.place_kinds = nn.Conv2d(net.spots.in_channels, kinds, 1)
        self.net, self.precise = net.to(memory_format=torch.channels_last), precise
        source = procedural.Source()
        self.cache = Cache(source, count)
        self.held_out = [source.batch(32) for _ in range(8)]

    def judged(self, images, net):
        """Logits of whole and place [N,1], map [N,h,w], of the kinds by place [N,kinds,h,w] and in all [N,kinds]."""
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=not self.precise):
            places, pooled = net.seen(images[..., :1].contiguous())
            each = (*net.judged(places, pooled), net.place_kinds(places), net.kinds(pooled))
        return [logits.float() for logits in each]

    def loss(self):
        images, cells = self.cache.batch()
        whole, place, spots, place_kinds, kinds = self.judged(images, self.net)
        wanted = coarser(cells, spots.shape[1:])
        any_place = anything(wanted)[:, 0]
        # An image whose only change is neither good nor defective teaches nothing as a whole.
        by_image = wanted.amax(dim=(2, 3))
        any_image = any_place.flatten(1).amax(dim=1)
        any_image = torch.where((any_image == 0) & (any_place < 0).flatten(1).any(dim=1), torch.tensor(-1.0), any_image)
        opinions = known_loss(whole[:, 0], any_image) + known_loss(place[:, 0], any_image)
        maps = known_loss(spots, any_place, 6.0) + known_loss(place_kinds, wanted, 12.0) * 3
        return opinions + 2 * maps + known_loss(kinds, by_image, 4.0)

    def figures(self, net):
        whole, place, labels = [], [], []
        for images, cells in self.held_out:
            seen = self.judged(images, net)
            whole.append(seen[0][:, 0])
            place.append(seen[1][:, 0])
            labels.append((cells == 1).flatten(1).any(dim=1).float())
        whole, place, labels = torch.cat(whole), torch.cat(place), torch.cat(labels)
        areas = [area_under_roc(each, labels) for each in (whole, place, whole + place)]
        return "AUROC of images by the whole {:.4f}, by the place {:.4f}, by both {:.4f}".format(*areas)


def coarser(cells, size):
    """[N,kinds,h,w] of 1, 0, -1 (neither) -> the same at a lower resolution: 1 where any is, else -1 where any is."""
    most, least = F.adaptive_max_pool2d(cells, size), -F.adaptive_max_pool2d(-cells, size)
    return torch.where(most == 1, most, least)


def known_loss(logits, wanted, weight=1.0):
    """Cross-entropy over what is 1, weighing `weight`, or 0; -1 is passed over."""
    each = F.binary_cross_entropy_with_logits(logits, wanted.clamp(min=0), pos_weight=torch.tensor(weight), reduction="none")
    return (each * (wanted >= 0)).mean()


class Infrared:
    SIZE = 64  # the network sees images of this edge, here and in the graph

    def __init__(self, folder, count, precise):
        import numpy
        from PIL import Image

        self.count, self.precise = count, precise
        with open(folder / "manifest.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        self.names = sorted({row["class"] for row in rows})
        self.good = self.names.index(next(row["class"] for row in rows if row["label"] == "OK"))
        images = torch.from_numpy(numpy.stack([numpy.asarray(Image.open(folder / row["image"]).convert("L").resize((24, 40))) for row in rows]))
        classes = torch.tensor([self.names.index(row["class"]) for row in rows])
        held = torch.tensor([is_held_out(row["image"]) for row in rows])
        self.images, self.classes = images[~held], classes[~held]
        self.held_images, self.held_classes = images[held][::2], classes[held][::2]
        self.net = InfraredNetwork(len(self.names))

    def logits(self, images, net):
        x = F.interpolate(images[:, None].float(), size=(self.SIZE, self.SIZE), mode="bilinear").expand(-1, 3, -1, -1)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=not self.precise):
            return net.seen(by_its_own_light(x))[1].float()

    def loss(self):
        picks = torch.randint(len(self.classes), (self.count,))
        images = self.images[picks]
        for axis in (1, 2):
            images = torch.where(torch.rand(self.count, 1, 1) < 0.5, images.flip(axis), images)
        shift = [int(each) for each in torch.randint(-1, 2, (2,))]
        images = torch.roll(images, shift, dims=(1, 2)).float() + torch.randn(self.count, 40, 24) * 2 * torch.rand(self.count, 1, 1)
        logits = self.logits(images, self.net)
        return F.cross_entropy(logits, self.classes[picks], label_smoothing=0.05) + self.whether(logits, self.classes[picks])

    def odds(self, logits):
        """Log-odds of any anomaly."""
        good = logits[:, self.good]
        return torch.logsumexp(logits.index_fill(1, torch.tensor(self.good), -1e4), dim=1) - good

    def whether(self, logits, classes):
        return F.binary_cross_entropy_with_logits(self.odds(logits), (classes != self.good).float())

    def figures(self, net):
        odds = torch.cat([self.odds(self.logits(some, net)) for some in self.held_images.split(200)])
        return f"AUROC on half of the fifth held out {area_under_roc(odds, (self.held_classes != self.good).float()):.4f}"


def area_under_roc(scores, labels):
    difference = scores[labels == 1][:, None] - scores[labels == 0][None, :]
    return ((difference > 0).float() + 0.5 * (difference == 0).float()).mean().item()


def train(task, hold, fall, save):
    net = task.net.train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=2e-3)
    average = copy.deepcopy(net).eval()
    step, total = 0, 0.0
    while step < hold + fall:
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / 100, (hold + fall - step) / (fall + 1)) + 1e-5
        loss = task.loss()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        with torch.no_grad():
            keep = min(0.998, step / (step + 20))
            for kept, new in zip(average.state_dict().values(), net.state_dict().values()):
                kept.mul_(keep).add_(new, alpha=1 - keep) if kept.is_floating_point() else kept.copy_(new)
        step, total = step + 1, total + loss.item()
        if step % 250 == 0:
            with torch.no_grad():
                print(f"step {step}  loss {total / 250:.4f}  {task.figures(average)}  {time.process_time():.0f} s", flush=True)
            total = 0.0
            save(average)
    save(average)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--infrared", type=pathlib.Path, help="folder of infrared_solar_modules")
    parser.add_argument("--recipe", type=float, metavar="WIDTH", help="the network of train_folder.py, by its factor on channel counts")
    parser.add_argument("--init", type=pathlib.Path, help="weights to go on from")
    parser.add_argument("--hold", type=int, default=8000)
    parser.add_argument("--fall", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--precise", action="store_true", help="float32 throughout: bfloat16 is slow on a CPU without AVX-512 BF16")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)

    def save(net):
        torch.save(net.state_dict(), args.out.with_suffix(".new"))
        args.out.with_suffix(".new").rename(args.out)

    if args.infrared:
        task = Infrared(args.infrared, args.batch, args.precise)
    else:
        task = Start(args.recipe, args.batch, args.precise) if args.recipe else Drawn(args.batch, args.precise)
    if args.init:
        task.net.load_state_dict(torch.load(args.init))
    train(task, args.hold, args.fall, save)


if __name__ == "__main__":
    main()
