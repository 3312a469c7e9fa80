"""The training loop: balanced classes and parts, one learning-rate cycle, weights averaged, stopped early, resumed where it was."""

import copy
import os
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from .augment import augment
from .measure import auroc, balanced_loss
from .pasting import NO_KIND, Donors, made_defective

SPOT_WEIGHT = 2.0
KIND_WEIGHT = 0.3
SMOOTHING = 0.01
NUMBERS = ("best", "kept", "epoch", "step", "since", "seconds", "processor")


@dataclass
class Plan:
    epochs: int
    batch: int
    rate: float  # peak of the one cycle
    patience: int  # epochs without a better validation loss before it stops
    per_part: int  # images of one part (group) in an epoch at most; 0: all
    precision: str  # fp32, fp16 (CUDA, loss scaled) or bf16
    turns: bool
    mirrors: bool
    light: bool
    made: float  # share of the good images that are made defective


def spot_loss(spots, where, is_marked):
    """Cross-entropy of the map against the masks, over the images that a mask (or their being good) speaks about.

    A cell of a small defect weighs more than one of a large one, by the root of how few there are.
    """
    if not is_marked.any():
        return spots.sum() * 0.0
    target = F.adaptive_max_pool2d(where[is_marked].unsqueeze(1), spots.shape[1:])[:, 0]
    share = target.mean(dim=(1, 2), keepdim=True).clamp(min=1 / 400)
    losses = F.binary_cross_entropy_with_logits(spots[is_marked], target, reduction="none")
    return (losses * torch.where(target > 0, share.rsqrt(), 1.0)).mean()


def logits_of(net, pixels, indices, device, batch=256, precision="fp32"):
    net.eval()
    with torch.no_grad(), cast(device, precision):
        parts = [net(torch.from_numpy(pixels[indices[i : i + batch]]).to(device)).cpu() for i in range(0, len(indices), batch)]
    return torch.cat(parts)[:, 0].double().numpy()


def cast(device, precision):
    kind = {"fp32": None, "fp16": torch.float16, "bf16": torch.bfloat16}[precision]
    return torch.autocast(device.type, dtype=kind or torch.bfloat16, enabled=kind is not None)


def epoch_order(indices, labels, groups, per_part, rng):
    """The images of one epoch in random order, a part with many of them not heard more often than `per_part` times.

    The class with fewer parts may show each of its own as many times more often: ten good parts against a hundred defective
    ones would else hardly be heard.
    """
    order = rng.permutation(indices)
    if per_part == 0:
        return order
    parts = [len(set(groups[order[labels[order] == label]])) for label in (0, 1)]
    limit = [per_part * max(parts) // max(1, count) for count in parts]
    seen, keep = {}, []
    for i in order:
        part = (labels[i], groups[i])
        seen[part] = seen.get(part, 0) + 1
        if seen[part] <= limit[labels[i]]:
            keep.append(i)
    return np.array(keep)


class Run:
    """What a checkpoint holds: everything the next epoch depends on."""

    def __init__(self, net, train, plan, steps, rng):
        self.net, self.averaged, self.rng = net, copy.deepcopy(net), rng
        self.optimizer = torch.optim.AdamW(net.parameters(), lr=plan.rate / 3, weight_decay=2e-2)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, plan.rate, total_steps=plan.epochs * steps + 1, pct_start=0.15
        )
        self.scaler = torch.cuda.amp.GradScaler(enabled=plan.precision == "fp16")
        # The average looks back over about one epoch and a half.
        self.decay = 1 - 1 / max(20.0, 1.5 * steps)
        self.best, self.kept, self.epoch, self.step, self.since = float("inf"), None, 0, 0, 0
        self.seconds, self.processor = 0.0, 0.0

    def save(self, file, key):
        parts = {name: getattr(self, name).state_dict() for name in ("net", "averaged", "optimizer", "schedule", "scaler")}
        numbers = {name: getattr(self, name) for name in NUMBERS}
        random = {"numpy": self.rng.bit_generator.state, "torch": torch.get_rng_state()}
        torch.save({"key": key, **parts, **numbers, "random": random}, f"{file}.part")
        os.replace(f"{file}.part", file)

    def restore(self, file, key):
        """@raises SystemExit where the checkpoint is of another run"""
        # Written by `save` here: it holds states of random generators, which are more than tensors.
        saved = torch.load(file, map_location="cpu", weights_only=False)
        if saved["key"] != key:
            raise SystemExit(f"{file} is of another run: {saved['key']}; expected {key}. Remove it to begin anew.")
        for name in ("net", "averaged", "optimizer", "schedule", "scaler"):
            getattr(self, name).load_state_dict(saved[name])
        for name in NUMBERS:
            setattr(self, name, saved[name])
        self.rng.bit_generator.state = saved["random"]["numpy"]
        torch.set_rng_state(saved["random"]["torch"])


def weights_file(checkpoint):
    """Beside the checkpoint, when a run has ended: its weights alone, for `--init`."""
    return checkpoint.with_suffix(".weights.pt")


def fit(net, packed, folds, plan, device, rng, checkpoint, key, progress):
    """Returns the averaged network of the epoch with the least balanced loss on validation.

    checkpoint: file that is written after each epoch, and read where it is there and carries the same `key`.
    progress: what `recipe.progress.Progress` is.
    """
    train, validation = folds["train"], folds["validation"]
    labels = packed.labels
    pixels = packed.pixels[train[:: max(1, len(train) // 4096)]].astype(np.float32)
    net.mean[:] = torch.tensor(pixels.mean(axis=(0, 1, 2))).view(1, -1, 1, 1)
    net.std[:] = torch.tensor(pixels.std(axis=(0, 1, 2)) + 1.0).view(1, -1, 1, 1)
    net.to(device, memory_format=torch.channels_last)
    sample = epoch_order(train, labels, packed.groups, plan.per_part, np.random.default_rng(0))
    steps = max(1, len(sample) // plan.batch)
    positives = labels[sample].mean()
    positives += (1 - positives) * plan.made
    weight = torch.tensor((1 - positives) / positives, device=device)
    donors = Donors(packed, train)
    run = Run(net, train, plan, steps, rng)
    if checkpoint.exists():
        run.restore(checkpoint, key)
    while run.epoch < plan.epochs and run.since < plan.patience:
        began, worked = time.time(), time.process_time()
        loss = one_epoch(run, packed, train, plan, steps, weight, donors, device, progress)
        logits = logits_of(run.averaged, packed.pixels, validation, device, precision=plan.precision)
        now = balanced_loss(logits, labels[validation], packed.groups[validation])
        run.epoch, run.since = run.epoch + 1, run.since + 1
        if now < run.best:
            run.best, run.kept, run.since = float(now), copy.deepcopy(run.averaged.state_dict()), 0
        run.seconds, run.processor = run.seconds + time.time() - began, run.processor + time.process_time() - worked
        run.save(checkpoint, key)
        area = auroc(logits, labels[validation])
        progress.line(
            f"epoch {run.epoch}/{plan.epochs}  loss {loss:.4f}  validation loss {now:.4f}  AUROC {area:.4f}  {run.seconds:.0f} s, {run.processor:.0f} s of processor"
        )
    run.averaged.load_state_dict(run.kept)
    torch.save(run.kept, weights_file(checkpoint))
    return run.averaged, {"epochs": run.epoch, "seconds": round(run.seconds), "processor_seconds": round(run.processor)}


def one_epoch(run, packed, train, plan, steps, weight, donors, device, progress):
    net, total = run.net.train(), 0.0
    has_masks = packed.spots[train].any() or plan.made > 0
    order = epoch_order(train, packed.labels, packed.groups, plan.per_part, run.rng)
    for k in range(steps):
        chosen = np.sort(order[k * plan.batch : (k + 1) * plan.batch])
        batch = (packed.pixels, packed.spots, packed.labels, packed.kinds, packed.is_marked)
        batch = made_defective(*(each[chosen] for each in batch), plan.made, donors, run.rng)
        images, where = augment(*batch[:2], run.rng, plan.turns, plan.mirrors, plan.light)
        labels, names, is_marked = (torch.from_numpy(each).to(device) for each in batch[2:])
        target = labels.float()
        with cast(device, plan.precision):
            whole, place, spots, pooled = net.opinions(images.to(device))
            kinds = net.kinds(pooled).float() if net.kinds is not None else None
        smooth = target * (1 - 2 * SMOOTHING) + SMOOTHING
        loss = sum(F.binary_cross_entropy_with_logits(each[:, 0].float(), smooth, pos_weight=weight) for each in (whole, place))
        if kinds is not None and (names != NO_KIND).any():
            loss = loss + KIND_WEIGHT * F.cross_entropy(kinds, names, ignore_index=NO_KIND)
        if has_masks:
            loss = loss + SPOT_WEIGHT * spot_loss(spots.float(), where.to(device), is_marked)
        run.optimizer.zero_grad(set_to_none=True)
        run.scaler.scale(loss).backward()
        run.scaler.step(run.optimizer)
        run.scaler.update()
        run.schedule.step()
        run.step += 1
        blend(run.averaged, net, min(run.decay, (1 + run.step) / (10 + run.step)))
        total += float(loss)
        progress.update(run.epoch, k + 1, steps)
    return total / steps


def blend(averaged, net, decay):
    with torch.no_grad():
        for mean, value in zip(averaged.state_dict().values(), net.state_dict().values()):
            if mean.dtype.is_floating_point:
                mean.mul_(decay).add_(value, alpha=1 - decay)
            else:
                mean.copy_(value)
