"""What an industrial part may look like another day: mirrored, turned, shifted, nearer, brighter, noisier. Per image, on pixels."""

import math

import numpy as np
import torch
from torch.nn import functional as F

TILT = math.radians(6)


def augment(images, spots, rng, turns=False, mirrors=True, light=True):
    """images: uint8 [N,H,W,C] numpy, spots: float32 [N,h,w] numpy -> the same as tensors.

    `turns`: any angle, where a part has no upper side. `light`: contrast, brightness and shading change; not where the level itself tells
    of a defect, as in a thermal image. What comes into view at an edge is the image reflected.
    """
    n, height, width, channels = images.shape
    angle = rng.uniform(-math.pi, math.pi, n) if turns else rng.uniform(-TILT, TILT, n)
    zoom = np.exp(rng.uniform(-0.16, 0.16, n))
    flip = np.where(rng.random((2, n)) < 0.5, -1.0, 1.0) if mirrors else np.ones((2, n))
    shift = rng.uniform(-0.1, 0.1, (2, n))
    cos, sin, aspect = np.cos(angle) * zoom, np.sin(angle) * zoom, height / width
    # Rows of the inverse map in normalised coordinates, x then y; the aspect keeps a turn a turn.
    theta = np.stack(
        [
            np.stack([cos * flip[0], -sin * aspect * flip[1], shift[0]], axis=1),
            np.stack([sin / aspect * flip[0], cos * flip[1], shift[1]], axis=1),
        ],
        axis=1,
    )
    theta = torch.from_numpy(theta.astype(np.float32))
    pixels = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float()
    grid = F.affine_grid(theta, pixels.shape, align_corners=False)
    pixels = F.grid_sample(pixels, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    draw = lambda low, high: torch.from_numpy(rng.uniform(low, high, (n, 1, 1, 1)).astype(np.float32))
    if light:
        # A lamp elsewhere: brighter to one side, and another curve of the camera.
        side = draw(-0.3, 0.3) * torch.linspace(-1, 1, width) + draw(-0.3, 0.3) * torch.linspace(-1, 1, height)[:, None]
        pixels = 255 * (pixels / 255).clamp(min=0) ** torch.exp(draw(-0.35, 0.35)) * (1 + side)
        mean = pixels.mean(dim=(1, 2, 3), keepdim=True)
        pixels = (pixels - mean) * draw(0.8, 1.25) + mean * draw(0.88, 1.13)
    seed = int(rng.integers(2**31))
    noise = torch.randn(pixels.shape, generator=torch.Generator().manual_seed(seed))
    pixels = (pixels + noise * draw(0, 3)).clamp(0, 255).round().to(torch.uint8).permute(0, 2, 3, 1)
    if spots.any():
        marks = torch.from_numpy(np.ascontiguousarray(spots)).unsqueeze(1)
        grid = F.affine_grid(theta, marks.shape, align_corners=False)
        marks = (F.grid_sample(marks, grid, padding_mode="reflection", align_corners=False)[:, 0] > 0.2).float()  # a mark between four cells leaves a quarter in each
    else:
        marks = torch.from_numpy(spots)
    return pixels.contiguous(), marks
