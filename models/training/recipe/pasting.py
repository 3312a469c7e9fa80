"""Good images made defective: with a real defect that a mask cuts out of another part, a region of another part, or a drawn spot.

Both sides of the question then show the same parts, so that a network cannot answer it by knowing parts.
"""

import math

import numpy as np
import torch
from torch.nn import functional as F

import procedural

# A defect that covers more of its image is no defect to cut out.
MOST = 0.5
# What cross-entropy passes over.
NO_KIND = -100
# How many of the defects that are pasted are real; the rest are regions of another part's surface.
REAL = 0.75


class Donors:
    """Real defects of the training side with their masks; each part, not each image, is drawn equally often."""

    def __init__(self, packed, train):
        share = packed.spots[train].mean(axis=(1, 2))
        fit = train[(packed.labels[train] == 1) & (share > 0) & (share < MOST)]
        self.packed, self.good = packed, train[packed.labels[train] == 0]
        self.parts = [fit[packed.groups[fit] == group] for group in np.unique(packed.groups[fit])]

    def __len__(self):
        return len(self.parts)

    def paste(self, image, rng):
        """image: float32 [C,H,W] -> the same with a defect, its cells [h,w], its kind."""
        is_real = rng.random() < REAL
        chosen = rng.choice(self.parts[rng.integers(len(self.parts))] if is_real else self.good)
        cells = self.packed.spots[chosen] if is_real else region(self.packed.spots.shape[1:], rng)
        donor = np.moveaxis(self.packed.pixels[chosen].astype(np.float32), 2, 0)
        for axis in (0, 1):
            if rng.random() < 0.5:
                cells, donor = np.flip(cells, axis), np.flip(donor, axis + 1)
        cells, donor = moved(cells, donor, rng)
        # Around the defect, four cells wide; all of this on cells, of which there are fewer than pixels.
        mask = torch.from_numpy(cells.copy())[None, None]
        around = F.max_pool2d(mask, 9, 1, 4) * (1 - F.max_pool2d(mask, 3, 1, 1))
        if not around.any():
            around = 1 - mask
        size = image.shape[1:]
        around = F.interpolate(around, size=size)[0, 0] > 0
        soft = F.interpolate(F.avg_pool2d(F.max_pool2d(mask, 3, 1, 1), 3, 1, 1), size=size, mode="bilinear")[0]
        # Grey levels as the surroundings have them: what lies around the defect there becomes what lies around it here.
        donor = torch.from_numpy(donor.copy())
        there, here = donor[:, around], image[:, around]
        gain = ((here.std() + 2) / (there.std() + 2)).clamp(0.5, 2.0)
        level = here.mean(dim=1)[:, None, None]
        if not is_real:
            gain, level = gain * rng.uniform(0.6, 1.8), level + image.std() * rng.uniform(-1, 1)
        fitted = (donor - there.mean(dim=1)[:, None, None]) * gain + level
        return image * (1 - soft) + fitted * soft, cells, int(self.packed.kinds[chosen]) if is_real else NO_KIND


def region(shape, rng):
    """A part of the image beyond one straight line, or beyond two: float32 [h,w]."""
    y, x = np.meshgrid(*(np.linspace(-1, 1, count) for count in shape), indexing="ij")
    beyond = np.ones(shape, dtype=bool)
    for _ in range(1 + int(rng.integers(2))):
        angle = rng.integers(4) * math.pi / 2 + rng.normal(0, 0.2)
        beyond &= x * math.cos(angle) + y * math.sin(angle) > rng.uniform(0, 0.85)
    return beyond.astype(np.float32)


def moved(cells, donor, rng):
    """Shifted to anywhere along each axis, by whole cells; along an edge that the defect touches it stays at that edge."""
    for axis in (0, 1):
        marked = np.flatnonzero(cells.any(axis=1 - axis))
        count, pixels = cells.shape[axis], donor.shape[axis + 1]
        if len(marked) == 0 or marked[0] == 0 or marked[-1] == count - 1:
            continue
        by = int(rng.integers(-marked[0] + 1, count - 1 - marked[-1] + 1))
        cells, donor = np.roll(cells, by, axis), np.roll(donor, round(by * pixels / count), axis + 1)
    return cells, donor


def drawn(images, cells):
    """images: float32 [N,C,H,W] -> the same with a drawn spot or scratch each, and its cells float32 [N,cells,cells]."""
    small = F.interpolate(images.mean(dim=1, keepdim=True), size=(procedural.SIZE,) * 2, mode="bilinear")[:, 0] / 64
    changed, contrast = procedural.defective(small, procedural.texture(len(small), procedural.SIZE), 1)
    where = (contrast.amax(dim=1, keepdim=True) > procedural.UNSURE[1]).float()
    change = F.interpolate((changed - small)[:, None] * 64, size=images.shape[2:], mode="bilinear")
    return images + change, F.adaptive_max_pool2d(where, cells)[:, 0]


def made_defective(images, spots, labels, kinds, is_marked, share, donors, rng):
    """A share of the good images with a defect from `donors`, or where there are none with a drawn one.

    images: uint8 [N,H,W,C], spots: float32 [N,h,w], labels, kinds, is_marked: [N], all numpy. Returns new ones of each.
    """
    chosen = np.flatnonzero((labels == 0) & (rng.random(len(labels)) < share))
    images, spots, labels, kinds, is_marked = (np.array(each) for each in (images, spots, labels, kinds, is_marked))
    if len(chosen) == 0:
        return images, spots, labels, kinds, is_marked
    pixels = torch.from_numpy(images[chosen]).permute(0, 3, 1, 2).float()
    if len(donors) > 0:
        made = [donors.paste(image, rng) for image in pixels]
        pixels, marks, names = torch.stack([m[0] for m in made]), np.stack([m[1] for m in made]), [m[2] for m in made]
    else:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**31)))
            pixels, marks = drawn(pixels, spots.shape[1])
        marks, names = marks.numpy(), NO_KIND
    seen = marks.any(axis=(1, 2))
    chosen, pixels, marks = chosen[seen], pixels[torch.from_numpy(seen)], marks[seen]
    images[chosen] = pixels.clamp(0, 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    spots[chosen], labels[chosen], is_marked[chosen] = marks, 1, True
    kinds[chosen] = np.array(names)[seen] if len(donors) > 0 else names
    return images, spots, labels, kinds, is_marked
