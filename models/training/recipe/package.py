"""A trained network to a model package: graph, manifest, golden images, report."""

import csv
import datetime
import hashlib
import json
import shutil
import warnings

import numpy as np
import torch

from .networks import Scored
from .settings import described

GOLDEN = 6
OUTPUT = {"name": "defect_probability", "kind": "probability", "unfamiliarity": "unfamiliarity"}
# Another provider, another precision: what a probability may move by.
GOLDEN_TOLERANCE = 0.02


def export(net, shape, file):
    """shape: [H,W,C] of the uint8 input. Batch norm is folded by the exporter."""
    outputs = [OUTPUT["name"], OUTPUT["unfamiliarity"], "activation_map", "embedding"]
    with warnings.catch_warnings():
        # The size of the input is fixed, and with it how many cells are a fiftieth of the map.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        torch.onnx.export(
            Scored(net).eval(),
            torch.zeros(1, *shape, dtype=torch.uint8),
            str(file),
            opset_version=16,
            input_names=["image"],
            output_names=outputs,
            dynamic_axes={name: {0: "n"} for name in ("image", *outputs)},
            **({"dynamo": False} if "dynamo" in torch.onnx.export.__code__.co_varnames else {}),
        )


def choose_golden(probabilities, labels, unfamiliar):
    """Positions of a few images over the whole range of scores, both classes: what one wrong step of preprocessing would move. None that
    is unfamiliar: it says nothing of what is usual. @raises SystemExit where all are"""
    chosen = []
    for label in (0, 1):
        order = np.flatnonzero((labels == label) & ~unfamiliar)
        order = order[np.argsort(probabilities[order])]
        chosen += [int(order[k]) for k in np.unique(np.linspace(0, max(0, len(order) - 1), GOLDEN // 2).astype(int)) if k < len(order)]
    if not chosen:
        raise SystemExit("every test image looks like something else than the parts that were learned: there is none to prove an engine by")
    return chosen


def write_package(args, packed, net, folds, cuts, probabilities, unfamiliar, metrics, table, curve):
    """@returns the text of report/report.md"""
    meta, test, package = packed.meta, folds["test"], args.package
    # What belonged to the model that was there before.
    for name in ("golden", "variants", "report"):
        shutil.rmtree(package / name, ignore_errors=True)
    (package / "report").mkdir(parents=True)
    model = package / "model.onnx"
    export(net, packed.pixels.shape[1:], model)
    golden = []
    if args.golden is not None:
        (package / "golden").mkdir(exist_ok=True)
        for k in choose_golden(probabilities, packed.labels[test], unfamiliar):
            name = packed.files[test[k]]
            kept = f"golden/{name.replace('/', '-')}"
            shutil.copyfile(args.golden / name, package / kept)
            golden.append({"file": kept, "probability": round(float(probabilities[k]), 6)})
    manifest = {
        "schema": "loupe.model/1",
        "name": package.parent.name,
        "version": package.name,
        "description": args.description,
        "created_at": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
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
        "output": OUTPUT,
        "calibration": {
            "method": "platt",
            "scale": round(float(net.scale), 4),
            "shift": round(float(net.shift), 4),
            "parts": len(set(packed.groups[folds["validation"]])),
        },
        "cuts": cuts,
        "golden_tolerance": GOLDEN_TOLERANCE,
        "golden": golden,
        "training_data": {
            "source": args.source,
            "licence": args.licence,
            "parts": len(set(packed.groups)),
            "sha256": meta["sha256"],
        },
        "metrics": metrics,
    }
    (package / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    # What was held out, for `loupe evaluate` and for whoever wants to check.
    of_test = (each[test] for each in (packed.files, np.where(packed.labels == 1, "NG", "OK"), packed.classes, packed.groups))
    write_rows(package / "report" / "test.csv", ["image", "label", "class", "group"], zip(*of_test))
    write_seen(package, packed, test)
    if curve:
        (package / "report" / "learning-curve.json").write_text(json.dumps({"points": curve}, indent=2) + "\n")
    text = describe(args, net, manifest, folds, table, sum(p.numel() for p in net.parameters()), model.stat().st_size)
    (package / "report" / "report.md").write_text(text)
    return text


def write_seen(package, packed, test):
    """What training and validation saw (docs/models.md): by its pixels, which a copy under another name has too."""
    seen = np.setdiff1d(np.arange(len(packed.files)), test)
    marks = (hashlib.sha256(packed.pixels[i].tobytes()).hexdigest()[:16] for i in seen)
    write_rows(package / "report" / "seen.csv", ["image", "group", "pixels"], zip(packed.files[seen], packed.groups[seen], marks))


def write_rows(file, names, rows):
    """A CSV that names with commas and quotes do not break."""
    with open(file, "w", newline="", encoding="utf-8") as out:
        csv.writer(out, lineterminator="\n").writerows([names, *rows])


def views(args):
    """"the mean of 3 networks on 4 mirrored views, "; nothing where it is one network on the image as it is"""
    networks = f"the mean of {args.members} networks" if args.members > 1 else ""
    mirrors = ("on" if networks else "the mean over") + " 4 mirrored views" if args.average_mirrors else ""
    text = " ".join(filter(None, (networks, mirrors)))
    return f"{text}, " if text else ""


def beside_sentences(args, net):
    doubt = (
        f"A picture farther than {float((net.known or net.familiar).limit):.1f} from what was learned, 1 on average over it, is of something else: "
        "it does not pass, whatever the cuts."
    )
    if net.known is None:
        return [doubt, ""]
    weigh, count = float(net.weigh[1]), len(net.known.weight)
    return [
        f"Beside it one logistic regression on {count} values that the backbone of `loupe teach` sees, untouched; validation gave it a weight of "
        f"{weigh:.2f}, the {'networks' if args.members > 1 else 'network'} {1 - weigh:.2f}. " + doubt,
        "",
    ]


# What is no choice of the recipe: where things lie, and what is written about them.
ELSEWHERE = ("packed", "package", "anew", "golden", "figures", "scores", "source", "licence", "description", "threads", "architecture", "width")


def settings(args):
    """Every choice that the network depends on, chosen or said: "dropout 0.2, epochs 40, ..."."""
    return ", ".join(described(name, value) for name, value in sorted(vars(args).items()) if name not in ELSEWHERE)


def spread(table, name):
    """mean +- standard deviation over the seeds; one seed has no spread."""
    values = np.array([row[name] for row in table])
    return f"{values.mean():.4f} ± {values.std(ddof=1):.4f}" if len(values) > 1 else f"{values[0]:.4f}"


def describe(args, net, manifest, folds, table, parameters, size):
    calibration, cuts = manifest["calibration"], manifest["cuts"]
    lines = [
        f"# {manifest['name']} {manifest['version']}",
        "",
        manifest["description"],
        "",
        f"{args.architecture}, width {args.width}, {views(args)}{parameters} parameters, model.onnx {size} bytes. "
        f"Images: {manifest['training_data']['source']} ({manifest['training_data']['licence']}).",
        "",
        (f"Over {len(table)} seeds, each with its own split by group (mean ± standard deviation, on the held-out fifth): "
         if len(table) > 1 else "One seed, split by group; on the held-out fifth: ") +
        f"AUROC {spread(table, 'auroc')} (by part {spread(table, 'auroc_by_part')}), accuracy at 0.5 {spread(table, 'accuracy')}, "
        f"expected calibration error {spread(table, 'ece')}.",
        "",
        *beside_sentences(args, net),
        f"The package is the first seed's model. Images: {', '.join(f'{len(folds[name])} {name}' for name in folds)}"
        + (" (what calibrates one network is learned from by the others). " if args.members > 1 else ". ") +
        f"Calibrated on validation (Platt: scale {calibration['scale']}, shift {calibration['shift']}), inside the graph. "
        f"Suggested cuts, chosen on validation: pass below {cuts['pass_below']}, fail at or above {cuts['fail_above']}.",
        "",
        f"Trained with {settings(args)}.",
        "",
        "On its test images (95 % confidence; rates at the cuts: Wilson, one vote per part; the rest: bootstrap over parts):",
        "",
        "| metric | value | low | high | images |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, m in manifest["metrics"].items():
        lines.append(f"| {name} | {m['value']:.4f} | {m['low']:.4f} | {m['high']:.4f} | {m['n']} |")
    return "\n".join(lines) + "\n"
