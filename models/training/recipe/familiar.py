"""A doubt: a picture that is far from all that was learned (another product, a covered lens, no light) is none that anybody labelled.

A network sees what tells defects, not what a part is: in its last layer flat and noisy pictures lie as near as good parts do. What fixed filters
see of a picture tells them apart. As in src/training/familiarity.ts.
"""

import copy

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from backbone_embedding import filtered, filters, statistics
from backbone_network import by_its_own_light

# Standardised values beyond this say no more than that they are far out.
FAR_OUT = 4.0
# Share of its level by which a value has to change to say anything.
STILL = 1e-3
# Of the held-out images, how many may be farther than the limit of what is familiar is based on, and how far beyond them it lies.
OUTLIERS, MARGIN, LEAST_LIMIT = 0.01, 1.2, 2.0
# From this doubt on a picture does not pass (src/frame/score.ts); it is had at the limit, and comes up in this share of it.
UNFAMILIAR, RAMP = 0.5, 0.1
# Longer and shortest edge of what the filters are shown: a doubt costs every frame, and twice the edge told no more strangers.
EDGE, LEAST, STEP = 32, 24, 4
SCALES = 3
# Added to the variance along every axis: few images leave axes along which none of them differ.
RIDGE = 1.0


def scaled_size(height, width, edge, least, step):
    scale = edge / max(height, width)
    return tuple(max(least, round(each * scale / step) * step) for each in (height, width))


def scaled_down(image, edge, least, step):
    """uint8 [N,H,W,C] -> float [N,C,h,w], the longer edge `edge`."""
    x = image.permute(0, 3, 1, 2).float()
    # Numbers, not tensors: the size of the exported graph is fixed.
    height, width = (int(each) for each in x.shape[2:])
    x = F.avg_pool2d(x, max(1, max(height, width) // edge))
    return F.interpolate(x, size=scaled_size(height, width, edge, least, step), mode="bilinear", align_corners=False)


class Doubt(nn.Module):
    """From what it sees of an image: how far that is from what was learned, and from 0 to 1 how sure it is that this is something else."""

    def __init__(self, width):
        super().__init__()
        self.register_buffer("centre", torch.zeros(width))
        self.register_buffer("unit", torch.ones(width))
        self.register_buffer("limit", torch.full((1,), FAR_OUT**2))

    def seen(self, image):
        """uint8 [N,H,W,C] -> [N,S]"""
        raise NotImplementedError

    def distance(self, z):
        """How far `z` [N,S] is from what was learned, on average 1 for that: [N,1]"""
        raise NotImplementedError

    def all_seen(self, pixels, device, progress, batch=16):
        """`seen` of uint8 numpy images [N,H,W,C], float64 numpy [N,S]."""
        self.to(device)
        parts = []
        for i in range(0, len(pixels), batch):
            with torch.no_grad():
                parts.append(self.seen(torch.from_numpy(np.array(pixels[i : i + batch])).to(device)).cpu())
            progress(min(i + batch, len(pixels)), len(pixels))
        self.to("cpu")
        return torch.cat(parts).double().numpy()

    def scaled_to(self, seen):
        """Takes its units from `seen`, float64 numpy [N,S] of images that may be learned from."""
        mean, spread = seen.mean(axis=0), seen.std(axis=0)
        self.centre[:] = torch.from_numpy(mean)
        # What hardly changes carries nothing, and its last digits differ from one runtime to another.
        self.unit[:] = torch.from_numpy(np.where(spread > STILL * (1 + np.abs(mean)), spread, 1))

    def standardised(self, seen):
        return ((seen - self.centre) / self.unit).clamp(-FAR_OUT, FAR_OUT)

    def distances(self, seen, learned):
        """`distance` of `seen` [N,S], had nothing but `learned` [M,S] been learned: numpy [N]"""
        other = copy.deepcopy(self).double()
        other.scaled_to(learned)
        return other.distance(other.standardised(torch.from_numpy(seen)))[:, 0].numpy()

    def limited_to(self, held_out):
        """Takes its limit from the distances of parts that were not learned."""
        farthest = np.sort(held_out)[int(np.ceil((1 - OUTLIERS) * len(held_out))) - 1]
        self.limit[:] = max(LEAST_LIMIT, MARGIN * float(farthest))

    def doubt(self, z):
        return ((self.distance(z) / self.limit - 1) / RAMP + UNFAMILIAR).clamp(0, 1)

    def unfamiliar(self, seen):
        """Which of `seen`, float64 numpy [N,S], are of something else: numpy bool [N]."""
        return (self.doubt(self.standardised(torch.from_numpy(seen).float()))[:, 0] >= UNFAMILIAR).numpy()


class Familiar(Doubt):
    """The doubt where there is no `Known`. Nothing of what it sees is trained."""

    def __init__(self):
        # Sixteen maps at each scale, seven statistics of each.
        super().__init__(SCALES * 16 * 7)
        self.register_buffer("bank", filters())
        # Of the standardised values, in which what was learned is as wide along each as along any other.
        self.register_buffer("axes", torch.eye(len(self.centre)))

    def seen(self, image):
        grey = scaled_down(image, EDGE, LEAST, STEP).mean(dim=1, keepdim=True)
        return torch.cat([statistics(maps) for maps in filtered(by_its_own_light(grey), self.bank, SCALES)], dim=1)

    def scaled_to(self, seen):
        super().scaled_to(seen)
        z = self.standardised(torch.from_numpy(seen)).double().numpy()
        values, vectors = np.linalg.eigh(np.cov(z.T))
        axes = vectors / np.sqrt(np.maximum(values, 0) + RIDGE)
        self.axes[:] = torch.from_numpy(axes / np.sqrt(((z @ axes) ** 2).sum(axis=1).mean()))

    def distance(self, z):
        return ((z @ self.axes) ** 2).sum(dim=1, keepdim=True)

    def forward(self, image):
        return self.doubt(self.standardised(self.seen(image)))
