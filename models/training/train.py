#!/usr/bin/env python3
"""Trains the shipped model on drawn parts and writes its package, but for the golden images (`loupe golden` does those).

    train.py DATASET_FOLDER PACKAGE_FOLDER [--epochs N] [--threads N] [--seed N]

DATASET_FOLDER is what `loupe dataset draw` wrote: pixels that came through the serving path's own decode and resize, so that
nothing is preprocessed twice, in two ways. Needs PyTorch >= 1.13 and numpy, nothing else.
"""

import argparse
import csv
import datetime
import hashlib
import json
import pathlib
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from recipe.measure import auroc, choose_cuts, fit_temperature, measure

MAX_ESCAPES = 0.02  # share of validation defects that may lie below pass_below
MASK_CHANGE = 14  # a cell holds a defect where it changed a pixel by this much of 255
MAX_FALSE_REJECTS = 0.005  # share of good validation parts that may lie at or above fail_above


class Residual(nn.Module):
    def __init__(self, channels, depth):
        super().__init__()
        layers = []
        for k in range(depth):
            layers += [nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)]
            if k < depth - 1:
                layers.append(nn.ReLU(inplace=True))
        self.body = nn.Sequential(*layers)

    def forward(self, x):
        return F.relu(x + self.body(x))


class PlateNet(nn.Module):
    """uint8 [N,128,128,3] RGB -> logit [N,1], and while training the logits of 16x16 cells beside it.

    A defect may be a few pixels of a part: told only that it is somewhere, a network this small learns nothing in an hour.
    The cells say where, and the image's own logit sees the strongest cell beside averages and maxima.
    """

    def __init__(self):
        super().__init__()

        def down(c_in, c_out, kernel=3):
            return [
                nn.Conv2d(c_in, c_out, kernel, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(c_out),
                nn.ReLU(inplace=True),
            ]

        self.near = nn.Sequential(
            *down(3, 16, 4),  # 64x64
            *down(16, 24),  # 32x32
            Residual(24, 1),
            *down(24, 48),  # 16x16
            Residual(48, 2),
        )
        self.cells = nn.Conv2d(48, 1, 1)
        self.far = nn.Sequential(*down(48, 96), Residual(96, 2))  # 8x8
        self.head = nn.Linear(2 * 96 + 1, 1)
        self.register_buffer("temperature", torch.ones(1))

    def both(self, image):
        x = image.permute(0, 3, 1, 2).float() / 64.0 - 2.0
        near = self.near(x)
        cells = self.cells(near)
        far = self.far(near)
        pooled = torch.cat([far.mean(dim=(2, 3)), far.amax(dim=(2, 3)), cells.amax(dim=(2, 3))], dim=1)
        return self.head(pooled) / self.temperature, cells[:, 0]

    def forward(self, image):
        return self.both(image)[0]


class Scored(nn.Module):
    """The graph that is served: calibrated probability of a defect, float32 [N,1]."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, image):
        return torch.sigmoid(self.net(image))


def load(folder):
    meta = json.loads((folder / "dataset.json").read_text())
    shape = (meta["count"], meta["height"], meta["width"], 3)
    pixels = np.memmap(folder / "pixels.bin", dtype=np.uint8, mode="r", shape=shape)
    cells = (meta["count"], meta["maskCells"], meta["maskCells"])
    masks = np.fromfile(folder / "masks.bin", dtype=np.uint8).reshape(cells) >= MASK_CHANGE
    with open(folder / "labels.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    kinds = np.array([row["defect"] for row in rows])
    seeds = np.array([int(row["seed"]) for row in rows])
    # A part is one seed, whatever was drawn of it: all of it lies on one side of the split.
    fold = np.array([hashlib.sha256(str(seed).encode()).digest()[0] % 7 for seed in seeds])
    split = {"train": fold < 4, "validation": fold == 4, "test": fold >= 5}
    return meta, pixels, masks, kinds, seeds, {name: np.flatnonzero(mask) for name, mask in split.items()}


def augment(images, masks, rng):
    """Turns, mirrors and exposures: a flange has no upper side."""
    if rng.random() < 0.5:
        images, masks = images[:, :, ::-1], masks[:, :, ::-1]
    turns = rng.integers(4)
    images, masks = np.rot90(images, turns, axes=(1, 2)), np.rot90(masks, turns, axes=(1, 2))
    gain = rng.uniform(0.9, 1.1, size=(len(images), 1, 1, 1)).astype(np.float32)
    images = np.clip(images * gain, 0, 255).astype(np.uint8)
    return torch.from_numpy(images), torch.from_numpy(masks.astype(np.float32))


def logits_of(net, pixels, indices):
    net.eval()
    with torch.no_grad():
        parts = [net(torch.from_numpy(pixels[indices[i : i + 64]])) for i in range(0, len(indices), 64)]
    return torch.cat(parts)[:, 0].numpy()


def train(net, pixels, masks, labels, indices, validation, epochs, batch, rng):
    steps = epochs * (len(indices) // batch)
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps, pct_start=0.2)
    began = time.time()
    for epoch in range(epochs):
        net.train()
        total = 0.0
        order = rng.permutation(indices)
        for i in range(0, len(order) - batch + 1, batch):
            chosen = np.sort(order[i : i + batch])
            images, where = augment(pixels[chosen], masks[chosen], rng)
            target = torch.from_numpy(labels[chosen]).float()
            logits, cells = net.both(images)
            loss = F.binary_cross_entropy_with_logits(logits[:, 0], target)
            loss = loss + 5 * F.binary_cross_entropy_with_logits(cells, where, pos_weight=torch.tensor(4.0))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss)
        area = auroc(logits_of(net, pixels, validation), labels[validation])
        print(
            f"epoch {epoch + 1}/{epochs}  loss {total / (len(order) // batch):.4f}  "
            f"validation AUROC {area:.4f}  {time.time() - began:.0f} s",
            flush=True,
        )


def report(manifest, split, sizes):
    lines = [
        f"# {manifest['name']} {manifest['version']}",
        "",
        "A small convolutional network for the flanges that `loupe demo` draws. It has seen nothing else: on real parts it",
        "means nothing. All parts are drawn by `src/demo/`, so the data carry the project's own licence.",
        "",
        f"Parts: {', '.join(f'{len(split[name])} {name}' for name in split)}; split by seed. "
        f"Parameters: {sizes['parameters']}; model.onnx: {sizes['bytes']} bytes.",
        f"Temperature {manifest['calibration']['temperature']}, fitted on validation and part of the graph.",
        f"Suggested cuts, chosen on validation: pass below {manifest['cuts']['pass_below']}, "
        f"fail at or above {manifest['cuts']['fail_above']}.",
        "",
        "On the test parts (95 % confidence; Wilson for shares, 1,000 bootstrap rounds for the rest):",
        "",
        "| metric | value | low | high | parts |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, m in manifest["metrics"].items():
        lines.append(f"| {name} | {m['value']:.4f} | {m['low']:.4f} | {m['high']:.4f} | {m['n']} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=pathlib.Path)
    parser.add_argument("package", type=pathlib.Path, help="models/<name>/<version>")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)

    meta, pixels, masks, kinds, seeds, split = load(args.dataset)
    labels = (kinds != "none").astype(np.int64)
    net = PlateNet()
    train(net, pixels, masks, labels, split["train"], split["validation"], args.epochs, args.batch, rng)

    validation, test = split["validation"], split["test"]
    logits = logits_of(net, pixels, validation)
    net.temperature[:] = round(fit_temperature(logits, labels[validation]), 4)
    probability = lambda indices: 1 / (1 + np.exp(-logits_of(net, pixels, indices).astype(np.float64)))
    cuts = choose_cuts(probability(validation), labels[validation], MAX_ESCAPES, MAX_FALSE_REJECTS)
    metrics = measure(probability(test), labels[test], kinds[test], seeds[test], cuts, rng)

    args.package.mkdir(parents=True, exist_ok=True)
    (args.package / "report").mkdir(exist_ok=True)
    model = args.package / "model.onnx"
    torch.onnx.export(
        Scored(net).eval(),
        torch.zeros(1, meta["height"], meta["width"], 3, dtype=torch.uint8),
        str(model),
        opset_version=16,
        input_names=["image"],
        output_names=["defect_probability"],
        dynamic_axes={"image": {0: "n"}, "defect_probability": {0: "n"}},
    )
    manifest = {
        "schema": "loupe.model/1",
        "name": args.package.parent.name,
        "version": args.package.name,
        "description": "Scratches, cracks, dents and stains on the flanges that `loupe demo` draws.",
        "created_at": datetime.datetime.utcnow().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "input": {
            "name": "image",
            "dtype": "uint8",
            "layout": "NHWC",
            "width": meta["width"],
            "height": meta["height"],
            "colour": meta["colour"],
            "resize": {"fit": meta["fit"], "kernel": meta["kernel"]},
        },
        "output": {"name": "defect_probability", "kind": "probability"},
        "calibration": {
            "method": "temperature",
            "temperature": round(float(net.temperature), 4),
            "parts": len(validation),
        },
        "cuts": cuts,
        "golden_tolerance": 0.02,
        "golden": [],
        "training_data": {
            "source": "drawn by src/demo/ (loupe dataset)",
            "licence": "Apache-2.0",
            "parts": meta["count"],
            "sha256": meta["sha256"],
        },
        "metrics": metrics,
    }
    (args.package / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    sizes = {"parameters": sum(p.numel() for p in net.parameters()), "bytes": model.stat().st_size}
    text = report(manifest, split, sizes)
    (args.package / "report" / "report.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
