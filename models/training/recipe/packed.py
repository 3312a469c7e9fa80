"""Pixels that came through the serving path's own decode and resize, with their labels and groups."""

import csv
import json
from dataclasses import dataclass

import numpy as np


# From which brightness on a cell of a mask is marked, where any is as bright.
MASK_LEVEL = 128


@dataclass
class Packed:
    meta: dict
    pixels: np.ndarray  # uint8 [N, height, width, channels], read from disk as needed
    files: np.ndarray  # str [N], relative to the folder that was packed
    labels: np.ndarray  # int64 [N], 1 is a defect
    classes: np.ndarray  # str [N]
    kinds: np.ndarray  # int64 [N], number of the class
    groups: np.ndarray  # str [N]; images of one group show the same part
    spots: np.ndarray  # float32 [N, cells, cells], 1 where a mask marks a defect, 0 elsewhere
    is_marked: np.ndarray  # bool [N]: `spots` says where the defect is, or that there is none


def load(folder):
    """@raises SystemExit where `folder` holds no packed images"""
    if not (folder / "dataset.json").is_file():
        raise SystemExit(f"{folder}: expected a folder that `loupe dataset pack` wrote, there is no dataset.json")
    meta = json.loads((folder / "dataset.json").read_text())
    channels = 1 if meta["colour"] == "GREY" else 3
    shape = (meta["count"], meta["height"], meta["width"], channels)
    pixels = np.memmap(folder / "pixels.bin", dtype=np.uint8, mode="r", shape=shape)
    with open(folder / "labels.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    column = lambda name: np.array([row[name] for row in rows])
    labels = (column("label") == "NG").astype(np.int64)
    cells = meta["maskCells"]
    masks = np.fromfile(folder / "masks.bin", dtype=np.uint8).reshape(meta["count"], cells, cells)
    # A small defect, shrunk with its mask, leaves little light: what is brightest is marked then.
    brightest = masks.max(axis=(1, 2), keepdims=True)
    spots = ((masks >= np.clip(brightest, 1, MASK_LEVEL)) & (labels == 1)[:, None, None]).astype(np.float32)
    # A mask that is all black tells nothing of where the defect is.
    is_marked = ((column("has_mask") == "1") & spots.any(axis=(1, 2))) | (labels == 0)
    kinds = np.unique(column("class"), return_inverse=True)[1]
    return Packed(meta, pixels, column("image"), labels, column("class"), kinds, column("group"), spots, is_marked)


def part_of(train, labels, groups, share, seed):
    """Images of a share of the training parts, of each class by itself: what fewer parts would teach."""
    rng = np.random.default_rng(seed)
    kept = set()
    for label in (0, 1):
        parts = rng.permutation(np.unique(groups[train[labels[train] == label]]))
        kept.update(parts[: max(1, round(len(parts) * share))])
    return np.array([i for i in train if groups[i] in kept])


FOLDS = 5
# Good and defective parts from which on a tenth of them is enough for validation.
MANY_PARTS = 1000


def split(packed, seed, member=0):
    """Of the parts, not of the images, a fifth for test, a fifth (of many a tenth) for validation, the rest for training; no part
    lies on two sides.

    Each kind of defect is dealt out by itself, so that every side has its share of it. The test side is the seed's; each `member`
    of a seed takes other parts for validation. A part with any defective image counts as defective.
    @raises SystemExit where a side would lack a class
    """
    rng = np.random.default_rng(seed)
    names, inverse = np.unique(packed.groups, return_inverse=True)
    kind = np.full(len(names), -1)
    for i in rng.permutation(np.flatnonzero(packed.labels == 1)):
        kind[inverse[i]] = packed.kinds[i]
    side = np.zeros(len(names), dtype=int)
    halves = 2 if min((kind < 0).sum(), (kind >= 0).sum()) >= MANY_PARTS else 1
    for is_defective in (False, True):
        parts = rng.permutation(np.flatnonzero((kind >= 0) == is_defective))
        if len(parts) < 3:
            word = "defective" if is_defective else "good"
            raise SystemExit(f"expected at least 3 {word} parts (groups), one for each side of the split, got {len(parts)}")
        folds = halves * min(FOLDS, len(parts))
        parts = parts[np.argsort(kind[parts], kind="stable")]
        fold = (np.arange(len(parts)) + rng.integers(folds)) % folds
        side[parts[fold < halves]] = 2
        side[parts[fold == halves + member % (folds - halves)]] = 1
    return {name: np.flatnonzero(side[inverse] == k) for k, name in enumerate(("train", "validation", "test"))}
