"""Images nobody photographed: drawn textures and parts, half of them with a drawn local defect. PyTorch only.

What the backbone of `loupe teach` is trained on, so that nothing in it belongs to anybody. After the ideas of FractalDB
(Kataoka 2020), Learning to See by Looking at Noise (Baradad 2021), CutPaste (Li 2021) and DRAEM (Zavrtanik 2021).
"""

import math

import torch
from torch.nn import functional as F

SIZE = 96
CELL = 4  # pixels along the edge of a label cell


def uniform(shape, low, high):
    return torch.rand(shape) * (high - low) + low


def chosen(count, share):
    return torch.rand(count, 1, 1) < share


def grid(count, scale_low=1.0, scale_high=1.0):
    """Rotated, shifted and scaled coordinates x, y [count, SIZE, SIZE]; the image is about -1..1."""
    line = torch.linspace(-1, 1, SIZE)
    x, y = line.view(1, 1, -1), line.view(1, -1, 1)
    angle = uniform((count, 1, 1), -math.pi, math.pi)
    scale = uniform((count, 1, 1), scale_low, scale_high)
    u = (torch.cos(angle) * x + torch.sin(angle) * y) * scale
    v = (-torch.sin(angle) * x + torch.cos(angle) * y) * scale
    return u, v


def texture(count):
    """Noise of many frequencies, in part stretched along a direction as brushed metal is; mean 0, deviation 1."""
    total = torch.zeros(count, 1, SIZE, SIZE)
    roughness = uniform((count, 1, 1, 1), 0.2, 1.6)
    for k, (rows, columns) in enumerate([(3, 3), (6, 6), (12, 12), (24, 24), (48, 48), (SIZE, SIZE)]):
        layer = F.interpolate(torch.randn(count, 1, rows, columns), size=(SIZE, SIZE), mode="bilinear")
        total += layer * torch.exp(-roughness * k) * uniform((count, 1, 1, 1), 0.3, 1.7)
    brushed = F.interpolate(torch.randn(count, 1, 6, SIZE), size=(SIZE, SIZE), mode="bilinear")
    total += brushed * (torch.rand(count, 1, 1, 1) < 0.25) * uniform((count, 1, 1, 1), 0.1, 1.0)
    u, v = grid(count, 0.5, 1.0)
    total = F.grid_sample(total, torch.stack([u, v], dim=3), padding_mode="reflection", align_corners=False)[:, 0]
    return total / (total.std(dim=(1, 2), keepdim=True) + 1e-6)


def folded(u, v, share):
    """Repeats one sector around the centre, as bolt circles and impellers do."""
    n = torch.randint(2, 13, (len(u), 1, 1)).float()
    radius, sector = torch.sqrt(u * u + v * v), 2 * math.pi / n
    angle = torch.remainder(torch.atan2(v, u), sector) - sector / 2
    take = chosen(len(u), share)
    return torch.where(take, radius * torch.cos(angle), u), torch.where(take, radius * torch.sin(angle), v)


def parts(count):
    """Discs, rings, plates and stripes over each other, each with its own grey and texture."""
    image = 0.15 * uniform((count, 1, 1), 0.0, 2.0) * texture(count)
    for k in range(4):
        u, v = folded(*grid(count), 0.3)
        u, v = u - uniform((count, 1, 1), -0.9, 0.9) * (k > 0), v - uniform((count, 1, 1), -0.9, 0.9) * (k > 0)
        radius = uniform((count, 1, 1), 0.08, 1.1)
        from_centre = torch.sqrt(u * u + v * v)
        disc = from_centre - radius
        ring = (from_centre - radius).abs() - radius * uniform((count, 1, 1), 0.03, 0.4)
        plate = torch.maximum(u.abs() - radius, v.abs() - radius * uniform((count, 1, 1), 0.05, 1.0))
        pitch = uniform((count, 1, 1), 0.08, 0.6)
        stripes = torch.maximum((torch.remainder(u, pitch) - pitch / 2).abs() - pitch * uniform((count, 1, 1), 0.1, 0.4), disc)
        kind = torch.randint(4, (count, 1, 1))
        distance = torch.where(kind == 0, disc, torch.where(kind == 1, ring, torch.where(kind == 2, plate, stripes)))
        inside = torch.sigmoid(-distance * uniform((count, 1, 1), 20, 160)) * chosen(count, 0.55)
        slope = u * uniform((count, 1, 1), -0.4, 0.4) + v * uniform((count, 1, 1), -0.4, 0.4)
        own = torch.randn(count, 1, 1) * 0.7 + slope + 0.12 * torch.rand(count, 1, 1) * texture(count)
        image = image * (1 - inside) + (image * 0.2 + own) * inside
    return image


def spot(count, least, most):
    """Soft mask 0..1 of an irregular patch somewhere, `least`..`most` of the half image across."""
    u, v = grid(count)
    u, v = u - uniform((count, 1, 1), -0.85, 0.85), v - uniform((count, 1, 1), -0.85, 0.85)
    size = torch.exp(uniform((count, 1, 1), math.log(least), math.log(most)))
    distance = torch.sqrt(u * u + (v * uniform((count, 1, 1), 1.0, 3.0)) ** 2) / size - 1
    return torch.sigmoid(-(distance + uniform((count, 1, 1), 0, 0.5) * texture(count)) * uniform((count, 1, 1), 3, 14))


def scratch(count):
    u, v = grid(count)
    u, v = u - uniform((count, 1, 1), -0.6, 0.6), v - uniform((count, 1, 1), -0.6, 0.6)
    bend = v - uniform((count, 1, 1), -0.8, 0.8) * u * u + uniform((count, 1, 1), 0, 0.03) * texture(count)
    width = torch.exp(uniform((count, 1, 1), math.log(0.02), math.log(0.06)))
    length = uniform((count, 1, 1), 0.1, 0.7)
    return torch.exp(-((bend / width) ** 2)) * torch.sigmoid((length - u.abs()) * 25)


def defective(image):
    """The images with one defect each, however faint, and where it is, 0..1."""
    count = len(image)
    deviation = image.std(dim=(1, 2), keepdim=True) + 0.05
    strength = deviation * uniform((count, 1, 1), 0.7, 3.0) * torch.where(chosen(count, 0.5), 1.0, -1.0)
    where = spot(count, 0.08, 0.4)
    line = scratch(count)
    shift = (int(torch.randint(8, SIZE - 8, ())), int(torch.randint(8, SIZE - 8, ())))
    moved = torch.roll(image, shift, dims=(1, 2))
    smooth = F.avg_pool2d(image[:, None], 9, stride=1, padding=4, count_include_pad=False)[:, 0]
    kind = torch.randint(6, (count, 1, 1))
    mask = torch.where(kind <= 1, line, where)
    changed = torch.where(
        kind <= 1,
        image + strength * line,
        torch.where(
            kind == 2,
            image + strength * where,
            torch.where(
                kind == 3,
                image * (1 - where) + (image + strength * texture(count)) * where,
                torch.where(
                    kind == 4,
                    image * (1 - where) + moved * where,
                    image * (1 - where) + (smooth + 0.4 * strength) * where,
                ),
            ),
        ),
    )
    return changed, mask * (changed - image).abs() / deviation


def photographed(image):
    """Light, gamma, focus, resolution, noise and exposure of a camera. uint8 [count, SIZE, SIZE, 3]."""
    count = len(image)
    u, v = grid(count)
    image = image + uniform((count, 1, 1), 0, 0.5) * (u + 0.5 * u * v)
    blurred = F.avg_pool2d(image[:, None], 3, stride=1, padding=1, count_include_pad=False)[:, 0]
    image = torch.where(chosen(count, 0.4), blurred, image)
    coarse = F.interpolate(image[:, None], size=(SIZE // 2, SIZE // 2), mode="area")
    coarse = F.interpolate(coarse, size=(SIZE, SIZE), mode="bilinear")[:, 0]
    image = torch.where(chosen(count, 0.15), coarse, image)
    low = image.amin(dim=(1, 2), keepdim=True)
    high = image.amax(dim=(1, 2), keepdim=True)
    image = ((image - low) / (high - low + 1e-3)) ** torch.exp(uniform((count, 1, 1), -0.5, 0.5))
    image = image * uniform((count, 1, 1), 90, 255) + uniform((count, 1, 1), 0, 60)
    coloured = (torch.rand(count, 1, 1, 1) < 0.4) * uniform((count, 1, 1, 3), -0.35, 0.35)
    image = image[..., None] * (1 + coloured)
    image = image + torch.randn(count, SIZE, SIZE, 1) * uniform((count, 1, 1, 1), 0, 9)
    return image.clamp(0, 255).round().to(torch.uint8)


def batch(count):
    """Images uint8 [count, SIZE, SIZE, 3], defective cells bool [count, SIZE/CELL, SIZE/CELL] and labels float [count].

    Good and defective images come in pairs of the same part, so that nothing but the defect tells them apart.
    """
    good = parts(count // 2)
    bad, change = defective(good)
    images = photographed(torch.cat([good, bad]))
    cells = F.max_pool2d(torch.cat([torch.zeros_like(change), change])[:, None], CELL)[:, 0] > 0.25
    return images, cells, cells.flatten(1).any(dim=1).float()
