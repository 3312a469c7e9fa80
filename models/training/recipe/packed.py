"""Pixels that came through the serving path's own decode and resize, with their labels and groups."""

import csv
import hashlib
import json
from dataclasses import dataclass

import numpy as np


MASK_LEVEL = 128


@dataclass
class Packed:
    meta: dict
    pixels: np.ndarray  # uint8 [N, height, width, channels], read from disk as needed
    labels: np.ndarray  # int64 [N], 1 is a defect
    classes: np.ndarray  # str [N]
    groups: np.ndarray  # str [N]; images of one group show the same part
    spots: np.ndarray  # float32 [N, cells, cells], 1 where a mask marks a defect, 0 elsewhere
    is_marked: np.ndarray  # bool [N]: `spots` says where the defect is, or that there is none


def load(folder):
    meta = json.loads((folder / "dataset.json").read_text())
    channels = 1 if meta["colour"] == "GREY" else 3
    shape = (meta["count"], meta["height"], meta["width"], channels)
    pixels = np.memmap(folder / "pixels.bin", dtype=np.uint8, mode="r", shape=shape)
    with open(folder / "labels.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    column = lambda name: np.array([row[name] for row in rows])
    labels = (column("label") == "NG").astype(np.int64)
    cells = meta["maskCells"]
    masks = np.fromfile(folder / "masks.bin", dtype=np.uint8).reshape(meta["count"], cells, cells)
    spots = (masks >= MASK_LEVEL).astype(np.float32)
    is_marked = (column("has_mask") == "1") | (labels == 0)
    return Packed(meta, pixels, labels, column("class"), column("group"), spots, is_marked)


def split(groups, seed):
    """A fifth of the groups for the test, a fifth of the rest for validation: no part lies on two sides."""
    draw = lambda salt: np.array(
        [int.from_bytes(hashlib.sha256(f"{salt}/{seed}/{group}".encode()).digest()[:4], "big") % 5 for group in groups]
    )
    test = draw("test") == 0
    validation = ~test & (draw("validation") == 0)
    folds = {"train": ~test & ~validation, "validation": validation, "test": test}
    return {name: np.flatnonzero(mask) for name, mask in folds.items()}
