"""The training loop: balanced classes, one learning-rate cycle, weights averaged over the last steps."""

import copy
import time

import numpy as np
import torch
from torch.nn import functional as F

from .measure import auroc

EMA_DECAY = 0.998
SPOT_WEIGHT = 2.0


def augment(images, spots, rng, turns):
    """Mirrors, small shifts, gain, offset and noise; quarter turns where a part has no upper side.

    images: uint8 [N,H,W,C], spots: float32 [N,h,w]. One draw of mirrors, turns and shifts for a batch, one of the rest for each
    image. Shifts are too small to matter to the spots.
    """
    for axis in (1, 2):
        if rng.random() < 0.5:
            images, spots = np.flip(images, axis), np.flip(spots, axis)
    if turns:
        quarter = rng.integers(4)
        images, spots = np.rot90(images, quarter, axes=(1, 2)), np.rot90(spots, quarter, axes=(1, 2))
    n, height, width, _ = images.shape
    dy, dx = rng.integers(-(height // 16), height // 16 + 1), rng.integers(-(width // 16), width // 16 + 1)
    images = np.roll(images, (dy, dx), axis=(1, 2)).astype(np.float32)
    gain = rng.uniform(0.85, 1.15, size=(n, 1, 1, 1)).astype(np.float32)
    offset = rng.uniform(-12, 12, size=(n, 1, 1, 1)).astype(np.float32)
    noise = rng.normal(0, 2, size=images.shape).astype(np.float32)
    images = np.clip(images * gain + offset + noise, 0, 255).astype(np.uint8)
    return torch.from_numpy(images), torch.from_numpy(np.ascontiguousarray(spots))


def spot_loss(spots, where, is_marked):
    """Cross-entropy of the map against the masks, over the images that a mask (or their being good) speaks about."""
    if not is_marked.any():
        return spots.sum() * 0.0
    target = F.adaptive_max_pool2d(where[is_marked].unsqueeze(1), spots.shape[1:])[:, 0]
    return F.binary_cross_entropy_with_logits(spots[is_marked], target, pos_weight=torch.tensor(4.0, device=spots.device))


def logits_of(net, pixels, indices, device, batch=256):
    net.eval()
    with torch.no_grad():
        parts = [net(torch.from_numpy(pixels[indices[i : i + batch]]).to(device)).cpu() for i in range(0, len(indices), batch)]
    return torch.cat(parts)[:, 0].double().numpy()


def fit(net, packed, folds, epochs, batch, device, rng, turns, log=print):
    """Returns the averaged network of the epoch that ranked validation best."""
    train, validation = folds["train"], folds["validation"]
    labels = packed.labels
    has_masks = packed.spots[train].any()
    positives = labels[train].mean()
    weight = torch.tensor((1 - positives) / positives, device=device)
    net.to(device)
    pixels = packed.pixels[train[:: max(1, len(train) // 4096)]].astype(np.float32)
    net.mean[:] = torch.tensor(pixels.mean(axis=(0, 1, 2))).view(1, -1, 1, 1)
    net.std[:] = torch.tensor(pixels.std(axis=(0, 1, 2)) + 1.0).view(1, -1, 1, 1)
    averaged = copy.deepcopy(net)
    steps = epochs * (len(train) // batch)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=2e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps, pct_start=0.15)
    mixed = device.type == "cuda"
    scaler = torch.cuda.amp.GradScaler(enabled=mixed)
    best, kept, began, step = -1.0, None, time.time(), 0
    for epoch in range(epochs):
        net.train()
        total = 0.0
        order = rng.permutation(train)
        for i in range(0, len(order) - batch + 1, batch):
            chosen = np.sort(order[i : i + batch])
            images, where = augment(packed.pixels[chosen], packed.spots[chosen], rng, turns)
            target = torch.from_numpy(labels[chosen]).float().to(device)
            with torch.autocast(device.type, enabled=mixed):
                logits, spots = net.both(images.to(device))
            loss = F.binary_cross_entropy_with_logits(logits[:, 0].float(), target * 0.98 + 0.01, pos_weight=weight)
            if has_masks:
                is_marked = torch.from_numpy(packed.is_marked[chosen]).to(device)
                loss = loss + SPOT_WEIGHT * spot_loss(spots.float(), where.to(device), is_marked)
            optimizer.zero_grad(set_to_none=True)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            schedule.step()
            step += 1
            blend(averaged, net, min(EMA_DECAY, (1 + step) / (10 + step)))
            total += float(loss)
        area = auroc(logits_of(averaged, packed.pixels, validation, device), labels[validation])
        if area > best:
            best, kept = area, copy.deepcopy(averaged)
        log(
            f"epoch {epoch + 1}/{epochs}  loss {total / max(1, len(order) // batch):.4f}  "
            f"validation AUROC {area:.4f}  {time.time() - began:.0f} s",
            flush=True,
        )
    return kept


def blend(averaged, net, decay):
    with torch.no_grad():
        for mean, value in zip(averaged.state_dict().values(), net.state_dict().values()):
            if mean.dtype.is_floating_point:
                mean.mul_(decay).add_(value, alpha=1 - decay)
            else:
                mean.copy_(value)
