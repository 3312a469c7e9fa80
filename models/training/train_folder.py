#!/usr/bin/env python3
"""Trains a classifier on packed labelled images, measures it over several seeds, and writes a model package.

    train_folder.py PACKED [--package models/NAME/VERSION --source TEXT --licence TEXT --golden DATA] [--seeds 3] ...

PACKED is what `loupe dataset pack` wrote. Every seed draws its own split by group into training, validation and test, so that
the figures have a spread; the package is the model of the first seed. Each epoch leaves a checkpoint under PACKED/runs: the same
command goes on where it was ended. Without --package it only measures.
"""

import argparse
import hashlib
import json
import pathlib
from dataclasses import asdict

import numpy as np
import torch

from recipe.fit import Plan, fit, logits_of
from recipe.measure import accuracy, auroc, calibration_error, choose_cuts, fit_platt, measure
from recipe.networks import Mirrored, build
from recipe.package import write_package
from recipe.packed import load, part_of, split
from recipe.progress import Progress
from recipe.weights import start_from

# Shares of the training parts for the learning curve; the whole is there already.
CURVE = (0.25, 0.5)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("packed", type=pathlib.Path)
    add("--package", type=pathlib.Path, help="models/<name>/<version> to write")
    add("--architecture", default="resnet18", help="resnet18/34/50, vgg11/13/16")
    add("--width", type=float, default=0.5, help="factor on every channel count")
    add("--small-stem", action="store_true", help="for images below about 64 pixels")
    add("--dropout", type=float, default=0.2)
    add("--init", type=pathlib.Path, help="weights to start from: torchvision or timm ResNet (.pth, .bin, .safetensors), or a run of this")
    add("--epochs", type=int, default=30)
    add("--batch", type=int, default=128)
    add("--rate", type=float, default=3e-3, help="peak learning rate")
    add("--patience", type=int, default=12, help="epochs without a better validation loss before a run stops")
    add("--per-part", type=int, default=0, help="at most so many images of one part in an epoch; 0: all")
    add("--precision", choices=("auto", "fp32", "fp16", "bf16"), default="auto", help="auto: fp16 on CUDA, fp32 on a CPU")
    add("--turns", action="store_true", help="the part has no upper side: turn it by any angle")
    add("--no-mirrors", dest="mirrors", action="store_false", help="a mirrored part would be another part")
    add("--average-mirrors", action="store_true", help="the graph averages four mirrored views: steadier, four times the cost")
    add("--steady-light", dest="light", action="store_false", help="the level of the pixels tells of defects (thermal images): leave it")
    add("--seeds", type=int, default=3)
    add("--curve", action="store_true", help="also train on a quarter and on half of the parts: would more help?")
    add("--max-escapes", type=float, default=0.02, help="of validation defects, for pass_below")
    add("--max-false-rejects", type=float, default=0.005, help="of good validation parts, for fail_above")
    add("--figures", type=pathlib.Path, help="JSON file for the figures of every seed")
    add("--scores", type=pathlib.Path, help="CSV of the first seed's test images: file,label,probability")
    add("--source", help="where the images come from, for the manifest")
    add("--licence", help="of the images, for the manifest")
    add("--golden", type=pathlib.Path, help="labelled folder that was packed: a few test images of it go into the package")
    add("--description", default="")
    add("--threads", type=int, default=1)
    args = parser.parse_args()
    if args.package is not None and (args.source is None or args.licence is None):
        parser.error("--package needs --source and --licence: a manifest names where its images come from")
    return args


def plan_of(args, device):
    precision = args.precision
    if precision == "auto":
        precision = "fp16" if device.type == "cuda" else "fp32"
    if precision == "fp16" and device.type != "cuda":
        raise SystemExit("expected CUDA for --precision fp16; on a CPU take fp32, or bf16 where it has AVX-512 BF16 or AMX")
    return Plan(args.epochs, args.batch, args.rate, args.patience, args.per_part, precision, args.turns, args.mirrors, args.light)


def run(args, packed, seed, device, share=1.0):
    """One seed, taught on a share of its training parts: the calibrated network on the CPU, and what it is worth on parts it never saw."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    folds = split(packed.labels, packed.groups, seed)
    if share < 1:
        folds["train"] = part_of(folds["train"], packed.labels, packed.groups, share, seed)
    channels = packed.pixels.shape[3]
    kinds = len(set(packed.kinds)) if len(set(packed.kinds)) > 2 else 0
    net = build(args.architecture, channels, args.width, args.small_stem, args.dropout, kinds)
    if args.init is not None:
        print(start_from(net, args.init))
    plan = plan_of(args, device)
    wanted = {**asdict(plan), "architecture": args.architecture, "width": args.width, "small_stem": args.small_stem}
    wanted |= {"dropout": args.dropout, "init": str(args.init), "images": packed.meta["sha256"], "seed": seed}
    if share < 1:
        wanted["share"] = share
    key = json.dumps(wanted, sort_keys=True)
    runs = args.packed / "runs"
    runs.mkdir(exist_ok=True)
    checkpoint = runs / f"{hashlib.sha256(key.encode()).hexdigest()[:12]}.pt"
    net, cost = fit(net, packed, folds, plan, device, rng, checkpoint, key, Progress(plan.epochs))
    # As the exported graph gives it: in single precision on the CPU, whatever it was trained with.
    net = Mirrored(net.to("cpu")) if args.average_mirrors else net.to("cpu")
    cpu = torch.device("cpu")
    validation, test = folds["validation"], folds["test"]
    scale, shift = fit_platt(logits_of(net, packed.pixels, validation, cpu), packed.labels[validation])
    net.scale[:], net.shift[:] = round(scale, 4), round(shift, 4)
    score = lambda indices: 1 / (1 + np.exp(-logits_of(net, packed.pixels, indices, cpu)))
    cuts = choose_cuts(score(validation), packed.labels[validation], args.max_escapes, args.max_false_rejects)
    probabilities, labels = score(test), packed.labels[test]
    figures = {
        "seed": seed,
        "train_images": len(folds["train"]),
        "train_parts": len(set(packed.groups[folds["train"]])),
        "auroc": auroc(probabilities, labels),
        "accuracy": accuracy(probabilities, labels),
        "ece": calibration_error(probabilities, labels),
        "test_images": len(test),
        "test_parts": len(set(packed.groups[test])),
        "good_test_parts": len(set(packed.groups[test][labels == 0])),
        **cost,
    }
    return net, folds, cuts, probabilities, figures, rng


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    packed = load(args.packed)
    first, table = None, []
    for seed in range(1, args.seeds + 1):
        net, folds, cuts, probabilities, figures, rng = run(args, packed, seed, device)
        table.append(figures)
        print("seed {seed}: test AUROC {auroc:.4f}  accuracy {accuracy:.4f}  ECE {ece:.4f}".format(**figures), flush=True)
        if first is None:
            test = folds["test"]
            kinds, groups = packed.classes[test], packed.groups[test]
            if args.scores is not None:
                rows = zip(packed.files[test], packed.labels[test], probabilities)
                lines = [f"{file},{'NG' if label else 'OK'},{probability:.8f}" for file, label, probability in rows]
                args.scores.write_text("\n".join(["file,label,probability", *lines]) + "\n")
            first = (net, folds, cuts, probabilities, measure(probabilities, packed.labels[test], kinds, groups, cuts, rng))
        if args.figures is not None:
            args.figures.write_text(json.dumps({"images": packed.meta["sha256"], "seeds": table}, indent=2) + "\n")
    curve = []
    if args.curve:
        for share in CURVE:
            figures = run(args, packed, 1, device, share)[4]
            print(f"{figures['train_parts']} parts: test AUROC {figures['auroc']:.4f}", flush=True)
            curve.append(figures)
        names = ("train_parts", "train_images", "auroc", "accuracy")
        curve = [{name: point[name] for name in names} for point in [*curve, table[0]]]
    if args.package is not None:
        print(write_package(args, packed, *first, table, curve))


if __name__ == "__main__":
    main()
