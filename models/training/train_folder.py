#!/usr/bin/env python3
"""Trains a classifier on packed labelled images and writes a model package, but for its golden images.

    train_folder.py PACKED PACKAGE [--architecture resnet18] [--width 0.5] [--small-stem] [--epochs 30] [--seeds 3] ...

PACKED is what `loupe dataset pack` wrote. Every seed draws its own group-wise split
into training, validation and test, so that the figures have a spread; the package is the model of the first seed.
"""

import argparse
import datetime
import hashlib
import json
import pathlib

import numpy as np
import torch

from recipe.fit import fit, logits_of
from recipe.measure import accuracy, auroc, calibration_error, choose_cuts, fit_temperature, measure
from recipe.networks import Scored, build
from recipe.packed import load, split


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packed", type=pathlib.Path)
    parser.add_argument("package", type=pathlib.Path, help="models/<name>/<version>")
    parser.add_argument("--architecture", default="resnet18", help="resnet18/34/50, vgg11/13/16")
    parser.add_argument("--width", type=float, default=0.5, help="factor on every channel count")
    parser.add_argument("--small-stem", action="store_true", help="for images below about 64 pixels")
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--turns", action="store_true", help="quarter turns too: the part has no upper side (square images)")
    parser.add_argument("--max-escapes", type=float, default=0.02, help="of validation defects, for pass_below")
    parser.add_argument("--max-false-rejects", type=float, default=0.005, help="of good validation parts, for fail_above")
    parser.add_argument("--source", required=True, help="where the images come from, for the manifest")
    parser.add_argument("--licence", required=True, help="of the images, for the manifest")
    parser.add_argument("--description", default="")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def run(args, packed, seed, device):
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    folds = split(packed.groups, seed)
    net = build(args.architecture, packed.pixels.shape[3], args.width, args.small_stem, args.dropout)
    net = fit(net, packed, folds, args.epochs, args.batch, device, rng, args.turns)
    validation, test = folds["validation"], folds["test"]
    logits = logits_of(net, packed.pixels, validation, device)
    net.temperature[:] = round(fit_temperature(logits, packed.labels[validation]), 4)
    probability = lambda indices: 1 / (1 + np.exp(-logits_of(net, packed.pixels, indices, device)))
    cuts = choose_cuts(probability(validation), packed.labels[validation], args.max_escapes, args.max_false_rejects)
    return net.cpu(), folds, cuts, probability_on_cpu(net, packed, test), rng


def probability_on_cpu(net, packed, indices):
    """As the exported graph gives it: in single precision, whatever it was trained with."""
    return 1 / (1 + np.exp(-logits_of(net.cpu(), packed.pixels, indices, torch.device("cpu"))))


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    packed = load(args.packed)
    first, table = None, []
    for seed in range(1, args.seeds + 1):
        net, folds, cuts, probabilities, rng = run(args, packed, seed, device)
        test = folds["test"]
        labels = packed.labels[test]
        table.append([auroc(probabilities, labels), accuracy(probabilities, labels), calibration_error(probabilities, labels)])
        print(f"seed {seed}: test AUROC {table[-1][0]:.4f}  accuracy {table[-1][1]:.4f}  ECE {table[-1][2]:.4f}", flush=True)
        if first is None:
            metrics = measure(probabilities, labels, packed.classes[test], packed.groups[test], cuts, rng)
            first = (net, folds, cuts, metrics)
    write(args, packed, first, np.array(table))


def write(args, packed, first, table):
    net, folds, cuts, metrics = first
    meta = packed.meta
    (args.package / "report").mkdir(parents=True, exist_ok=True)
    model = args.package / "model.onnx"
    torch.onnx.export(
        Scored(net).eval(),
        torch.zeros(1, *packed.pixels.shape[1:], dtype=torch.uint8),
        str(model),
        opset_version=16,
        input_names=["image"],
        output_names=["defect_probability", "activation_map"],
        dynamic_axes={"image": {0: "n"}, "defect_probability": {0: "n"}, "activation_map": {0: "n"}},
    )
    manifest = {
        "schema": "loupe.model/1",
        "name": args.package.parent.name,
        "version": args.package.name,
        "description": args.description,
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
            "parts": len(folds["validation"]),
        },
        "cuts": cuts,
        "golden_tolerance": 0.02,
        "golden": [],
        "training_data": {
            "source": args.source,
            "licence": args.licence,
            "parts": meta["count"],
            "sha256": meta["sha256"],
        },
        "metrics": metrics,
    }
    (args.package / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    text = report(args, manifest, folds, table, sum(p.numel() for p in net.parameters()), model.stat().st_size)
    (args.package / "report" / "report.md").write_text(text)
    print(text)


def report(args, manifest, folds, table, parameters, size):
    over = lambda k: f"{table[:, k].mean():.4f} ± {table[:, k].std(ddof=1) if len(table) > 1 else 0:.4f}"
    lines = [
        f"# {manifest['name']} {manifest['version']}",
        "",
        manifest["description"],
        "",
        f"{args.architecture}, width {args.width}, {parameters} parameters, model.onnx {size} bytes. "
        f"Images: {manifest['training_data']['source']} ({manifest['training_data']['licence']}).",
        "",
        f"Over {len(table)} seeds, each with its own group-wise split (mean ± standard deviation, on the test fifth):",
        f"AUROC {over(0)}, accuracy at 0.5 {over(1)}, expected calibration error {over(2)}.",
        "",
        f"The package is the first seed's model. Images: {', '.join(f'{len(folds[name])} {name}' for name in folds)}. "
        f"Temperature {manifest['calibration']['temperature']}, fitted on validation and part of the graph. "
        f"Suggested cuts, chosen on validation: pass below {manifest['cuts']['pass_below']}, "
        f"fail at or above {manifest['cuts']['fail_above']}.",
        "",
        "On its test images (95 % confidence; Wilson for shares, bootstrap over groups for the rest):",
        "",
        "| metric | value | low | high | images |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, m in manifest["metrics"].items():
        lines.append(f"| {name} | {m['value']:.4f} | {m['low']:.4f} | {m['high']:.4f} | {m['n']} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
