"""One run of the recipe, from packed images to figures and a package: seeds, members of each, and what stands beside them."""

import copy
import hashlib
import json
import pathlib
from dataclasses import asdict

import numpy as np
import torch

import backbone_embedding

from . import familiar as familiar_code
from . import known as known_code
from .familiar import Familiar
from .fit import Plan, fit, logits_of
from .known import Known, fit_logistic
from .measure import accuracy, auroc, by_part, calibration_error, calibration_error_of_chance, choose_cuts, fit_opinions
from .measure import measure, part_weights
from .networks import Together, build
from .package import write_package, write_rows
from .packed import part_of, split
from .progress import Progress
from .settings import SCRATCH, settle
from .weights import start_from

# Shares of the training parts for the learning curve; the whole is there already.
CURVE = (0.25, 0.5)


def train(args, packed):
    """Trains on `packed` as `args` say (`arguments.py`), and prints what it does."""
    torch.set_num_threads(args.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print(f"chosen from the images: {settle(args, packed, device) or 'nothing'}", flush=True)
    beside = beside_of(args, packed, device)
    first, table = None, []
    for seed in range(1, args.seeds + 1):
        net, folds, cuts, probabilities, unfamiliar, figures, rng = run(args, packed, seed, device, beside)
        table.append(figures)
        print("seed {seed}: test AUROC {auroc:.4f}  by part {auroc_by_part:.4f}  accuracy {accuracy:.4f}  ECE {ece:.4f}".format(**figures), flush=True)
        if first is None:
            test = folds["test"]
            kinds, groups = packed.classes[test], packed.groups[test]
            if args.scores is not None:
                labels = np.where(packed.labels[test] == 1, "NG", "OK")
                rows = zip(packed.files[test], labels, (f"{probability:.8f}" for probability in probabilities))
                write_rows(args.scores, ["file", "label", "probability"], rows)
            worth = measure(probabilities, unfamiliar, packed.labels[test], kinds, groups, cuts, rng)
            first = (net, folds, cuts, probabilities, unfamiliar, worth)
        if args.figures is not None:
            args.figures.write_text(json.dumps({"images": packed.meta["sha256"], "seeds": table}, indent=2) + "\n")
    curve = []
    if args.curve:
        for share in CURVE:
            figures = run(args, packed, 1, device, beside, share)[5]
            print(f"{figures['train_parts']} parts: test AUROC {figures['auroc']:.4f}", flush=True)
            curve.append(figures)
        names = ("train_parts", "train_images", "auroc", "accuracy")
        curve = [{name: point[name] for name in names} for point in [*curve, table[0]]]
    if args.package is not None:
        print(write_package(args, packed, *first, table, curve))


def plan_of(args, device):
    if args.precision == "fp16" and device.type != "cuda":
        raise SystemExit("expected CUDA for --precision fp16; on a CPU take fp32, or bf16 where it has AVX-512 BF16 or AMX")
    settings = (args.epochs, args.batch, args.rate, args.patience, args.per_part, args.precision, args.turns, args.mirrors)
    return Plan(*settings, args.light == "changing", args.made)


def digest_of(weights):
    """What the weights to start from are, whatever their name."""
    return "nothing" if weights == SCRATCH or not weights.is_file() else hashlib.sha256(weights.read_bytes()).hexdigest()


def runs_of(args):
    """Where checkpoints lie."""
    runs = args.packed / "runs"
    runs.mkdir(exist_ok=True)
    return runs


def fit_member(args, packed, seed, member, folds, device):
    """One network on one split, on the CPU in single precision, whatever it was trained with: as the exported graph gives it."""
    torch.manual_seed(1000 * member + seed)
    rng = np.random.default_rng([seed, member])
    channels = packed.pixels.shape[3]
    kinds = len(set(packed.kinds)) if len(set(packed.kinds)) > 2 else 0
    net = build(args.architecture, channels, args.width, args.small_stem, args.dropout, kinds, args.light == "changing")
    if args.init != SCRATCH:
        print(start_from(net, args.init), flush=True)
    plan = plan_of(args, device)
    wanted = {**asdict(plan), "architecture": args.architecture, "width": args.width, "small_stem": args.small_stem}
    wanted |= {"dropout": args.dropout, "init": digest_of(args.init), "images": packed.meta["sha256"], "seed": seed}
    wanted |= {"member": member, "train_images": len(folds["train"])}
    key = json.dumps(wanted, sort_keys=True)
    checkpoint = runs_of(args) / f"{hashlib.sha256(key.encode()).hexdigest()[:12]}.pt"
    net, cost = fit(net, packed, folds, plan, device, rng, checkpoint, key, Progress(plan.epochs))
    return net.to("cpu").eval(), cost


def beside_of(args, packed, device):
    """What stands beside the networks, yet to be fitted: an opinion on what the backbone sees where one is wanted, and else the doubt
    alone. And what it sees of every image, which is kept beside the runs: of thousands of images it takes minutes.
    """
    beside = Known(backbone_embedding.shipped()) if args.known else Familiar()
    code = [pathlib.Path(each.__file__) for each in (backbone_embedding, familiar_code, known_code)]
    sources = [*(file.read_bytes() for file in (backbone_embedding.WEIGHTS, *code)), packed.meta["sha256"].encode(), type(beside).__name__.encode()]
    key = hashlib.sha256(b"".join(sources)).hexdigest()
    file = runs_of(args) / f"seen-{key[:12]}.npy"
    if not file.exists():
        progress = Progress(1)
        seen = beside.all_seen(packed.pixels, device, lambda done, count: progress.bar(done / count, f"looking, image {done}/{count}"))
        progress.line(f"{len(seen)} images looked at")
        part = file.with_suffix(".part.npy")
        np.save(part, seen)
        part.replace(file)
    return beside, np.load(file)


def fit_known(known, seen, packed, train):
    return fit_logistic(known.scaled(seen[train]), packed.labels[train], part_weights(packed.labels[train], packed.groups[train]))


def run(args, packed, seed, device, beside, share=1.0):
    """One seed, taught on a share of its training parts: the calibrated network, and what it is worth on parts it never saw."""
    cpu, nets, costs, logits, heads, distances = torch.device("cpu"), [], [], [], [], []
    every = [split(packed, seed, member=member) for member in range(args.members)]
    if share < 1:
        for folds in every:
            folds["train"] = part_of(folds["train"], packed.labels, packed.groups, share, seed)
    doubt, seen = copy.deepcopy(beside[0]), beside[1]
    known, familiar = (doubt, None) if args.known else (None, doubt)
    doubt.scaled_to(seen[np.unique(np.concatenate([folds[side] for folds in every for side in ("train", "validation")]))])
    for member, folds in enumerate(every):
        net, cost = fit_member(args, packed, seed, member, folds, device)
        nets.append(net)
        costs.append(cost)
        # What this network says of parts that it did not learn from.
        said = [logits_of(Together([net], args.average_mirrors), packed.pixels, folds["validation"], cpu)]
        if known is not None:
            weight, bias = fit_known(known, seen, packed, folds["train"])
            heads.append((weight, bias))
            said.append(known.scaled(seen[folds["validation"]]) @ weight + bias)
        distances.append(doubt.distances(seen[folds["validation"]], seen[folds["train"]]))
        logits.append(np.stack(said, axis=1))
    validation, test = np.concatenate([folds["validation"] for folds in every]), every[0]["test"]
    net = Together(nets, args.average_mirrors, known, familiar)
    logits = np.concatenate(logits)
    weights = part_weights(packed.labels[validation], packed.groups[validation])
    scales, shift = fit_opinions(logits, packed.labels[validation], weights)
    net.scale[:], net.shift[:] = round(float(scales.sum()), 4), round(shift, 4)
    if known is not None:
        known.weight[:], known.bias[:] = (torch.tensor(np.mean(each, axis=0)) for each in zip(*heads))
        net.weigh[:] = torch.from_numpy(scales / max(scales.sum(), 1e-9))
    logits = logits @ net.weigh.double().numpy()[: logits.shape[1]]
    held_out = 1 / (1 + np.exp(-(float(net.scale) * logits + float(net.shift))))
    cuts = choose_cuts(held_out, packed.labels[validation], args.max_escapes, args.max_false_rejects)
    doubt.limited_to(np.concatenate(distances))
    probabilities = 1 / (1 + np.exp(-logits_of(net, packed.pixels, test, cpu)))
    labels, groups = packed.labels[test], packed.groups[test]
    figures = {
        "seed": seed,
        "train_images": len(every[0]["train"]),
        "train_parts": len(set(packed.groups[every[0]["train"]])),
        "auroc": auroc(probabilities, labels),
        "auroc_by_part": auroc(*by_part(probabilities, labels, groups)),
        "accuracy": accuracy(probabilities, labels),
        "ece": calibration_error(probabilities, labels),
        "ece_of_chance": calibration_error_of_chance(probabilities, groups, np.random.default_rng(seed)),
        "validation_auroc": auroc(logits, packed.labels[validation]),
        "test_images": len(test),
        "test_parts": len(set(groups)),
        "good_test_parts": len(set(groups[labels == 0])),
        **{name: sum(cost[name] for cost in costs) for name in costs[0]},
    }
    # With several networks, parts that calibrate one are learned from by another.
    folds = {"train": np.unique(np.concatenate([folds["train"] for folds in every])), "validation": validation, "test": test}
    return net, folds, cuts, probabilities, doubt.unfamiliar(seen[test]), figures, np.random.default_rng(seed)
