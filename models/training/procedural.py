"""Images nobody photographed: drawn surfaces and parts, half of them with drawn local defects of eight kinds. PyTorch only.

What the backbone of `loupe teach` is trained on, so that nothing in it belongs to anybody. After the ideas of FractalDB
(Kataoka 2020), Learning to See by Looking at Noise (Baradad 2021), CutPaste (Li 2021) and DRAEM (Zavrtanik 2021).
"""

import math

import torch
from torch.nn import functional as F

FIELD = 192  # edge of a drawn part; training looks at squares of it, turned and scaled
SIZE = 96  # edge of such a square
CELL = 4  # pixels along the edge of a label cell
KINDS = ("pit", "spot", "dark line", "bright line", "stain", "surface", "dent", "structure")
UNSURE = 0.2, 0.5  # a change between these contrasts is neither good nor defective


def uniform(shape, low, high):
    return torch.rand(shape) * (high - low) + low


def scaled(count, low, high):
    """One length for each image, small ones as often as large ones."""
    return torch.exp(uniform((count, 1, 1), math.log(low), math.log(high)))


def chosen(count, share):
    return torch.rand(count, 1, 1) < share


def grid(count, size, scale_low=1.0, scale_high=1.0):
    """Rotated and scaled coordinates x, y [count, size, size]; the image is about -1..1."""
    line = torch.linspace(-1, 1, size)
    x, y = line.view(1, 1, -1), line.view(1, -1, 1)
    # Parts lie straight more often than not.
    angle = torch.where(chosen(count, 0.5), uniform((count, 1, 1), -math.pi, math.pi), torch.randint(4, (count, 1, 1)) * math.pi / 2)
    scale = uniform((count, 1, 1), scale_low, scale_high)
    u = (torch.cos(angle) * x + torch.sin(angle) * y) * scale
    v = (-torch.sin(angle) * x + torch.cos(angle) * y) * scale
    return u, v


def texture(count, size):
    """Noise of many frequencies, in part ground along a direction, woven or veined; mean 0, deviation 1."""
    total = torch.zeros(count, 1, size, size)
    roughness = uniform((count, 1, 1, 1), 0.0, 1.6)
    for k, cells in enumerate([3, 6, 12, 24, 48, 96, size]):
        layer = F.interpolate(torch.randn(count, 1, cells, cells), size=(size, size), mode="bilinear")
        total += layer * torch.exp(-roughness * k) * uniform((count, 1, 1, 1), 0.3, 1.7)
    total = total / total.std(dim=(1, 2, 3), keepdim=True)
    veins = 1.5 - 2.5 * total.abs()
    total = torch.where(torch.rand(count, 1, 1, 1) < 0.12, veins, total)
    for rows, columns, share in ((3, size, 0.2), (12, size, 0.2), (40, size, 0.1), (4, size // 4, 0.2)):
        ground = F.interpolate(torch.randn(count, 1, rows, columns), size=(size, size), mode="bilinear")
        total += ground * (torch.rand(count, 1, 1, 1) < share) * uniform((count, 1, 1, 1), 0.3, 2.5)
    u, v = grid(count, size, 0.6, 1.0)
    pitch = scaled(count, 0.04, 0.4)
    woven = torch.sin(u / pitch * 2 * math.pi) + torch.sin(v / pitch * 2 * math.pi) * chosen(count, 0.6)
    total += (woven * chosen(count, 0.12) * uniform((count, 1, 1), 0.3, 2.0))[:, None]
    u, v = grid(count, size, 0.6, 1.0)
    total = F.grid_sample(total, torch.stack([u, v], dim=3), padding_mode="reflection", align_corners=False)[:, 0]
    total = total - total.mean(dim=(1, 2), keepdim=True)
    return total / (total.std(dim=(1, 2), keepdim=True) + 1e-6)


def folded(u, v, share):
    """Repeats one sector around the centre, as bolt circles and impellers do."""
    n = torch.randint(2, 13, (len(u), 1, 1)).float()
    radius, sector = torch.sqrt(u * u + v * v), 2 * math.pi / n
    angle = torch.remainder(torch.atan2(v, u), sector) - sector / 2
    take = chosen(len(u), share)
    return torch.where(take, radius * torch.cos(angle), u), torch.where(take, radius * torch.sin(angle), v)


def parts(count, size=FIELD):
    """Discs, rings, plates and stripes over each other, or a bare surface, each with its own grey and texture. [count, size, size]"""
    image = uniform((count, 1, 1), 0.02, 0.35) * texture(count, size)
    crowd = uniform((count, 1, 1), 0, 0.7) * chosen(count, 0.75)
    for k in range(4):
        u, v = folded(*grid(count, size), 0.3)
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
        inside = torch.sigmoid(-distance * uniform((count, 1, 1), 20, 200)) * (torch.rand(count, 1, 1) < crowd)
        slope = u * uniform((count, 1, 1), -0.4, 0.4) + v * uniform((count, 1, 1), -0.4, 0.4)
        own = torch.randn(count, 1, 1) * 0.7 + slope + uniform((count, 1, 1), 0, 0.25) * texture(count, size)
        image = image * (1 - inside) + (image * 0.2 + own) * inside
    return image


def looked_at(fields):
    """A square of each, turned, mirrored and scaled. [count, SIZE, SIZE]"""
    count = len(fields)
    # Half the square's edge as a share of half the part's: one pixel is one pixel at SIZE / FIELD.
    scale = scaled(count, 0.35, 1.0)
    u, v = grid(count, SIZE)
    room = (1 - scale).clamp(min=0)
    u, v = u * scale + uniform((count, 1, 1), -1, 1) * room, v * scale + uniform((count, 1, 1), -1, 1) * room
    u = torch.where(chosen(count, 0.5), u, -u)
    return F.grid_sample(fields[:, None], torch.stack([u, v], dim=3), padding_mode="reflection", align_corners=False)[:, 0]


def around(count):
    """Pixels from a point somewhere in the square, along and across a direction. [count, SIZE, SIZE] each."""
    line = torch.arange(SIZE).float()
    x, y = line.view(1, 1, -1) - uniform((count, 1, 1), 3, SIZE - 3), line.view(1, -1, 1) - uniform((count, 1, 1), 3, SIZE - 3)
    angle = uniform((count, 1, 1), -math.pi, math.pi)
    return torch.cos(angle) * x + torch.sin(angle) * y, -torch.sin(angle) * x + torch.cos(angle) * y


def wavy(along, points):
    """A jagged curve: height, deviation 1, at each place along. [count, SIZE, SIZE]"""
    count = len(along)
    curve = F.interpolate(torch.randn(count, 1, points), size=256, mode="linear")[:, 0]
    at = (along + 128).clamp(0, 255).long()
    return torch.gather(curve, 1, at.flatten(1)).view_as(along)


def blob(count, noise, least, most, ragged):
    """Mask 0..1 of an irregular patch, `least`..`most` pixels from its middle to its edge."""
    u, v = around(count)
    radius = scaled(count, least, most)
    distance = torch.sqrt(u * u + (v * uniform((count, 1, 1), 1.0, 3.0)) ** 2) + radius * uniform((count, 1, 1), 0, ragged) * noise
    return torch.sigmoid((radius - distance) * uniform((count, 1, 1), 0.4, 2.5))


def beyond(count):
    """Mask 0..1 of all that lies on one side of a border, straight or jagged: the smaller side."""
    u, v = around(count)
    side = torch.sigmoid((v - wavy(u, 12) * uniform((count, 1, 1), 0, 4) * chosen(count, 0.5)) * uniform((count, 1, 1), 0.4, 2.5))
    return torch.where(side.mean(dim=(1, 2), keepdim=True) > 0.5, 1 - side, side)


def line(count):
    """Mask 0..1 of a scratch or a crack: straight, bent or jagged, whole or in pieces."""
    u, v = around(count)
    across = v - uniform((count, 1, 1), -0.01, 0.01) * u * u - wavy(u, 24) * uniform((count, 1, 1), 0, 4) * chosen(count, 0.6)
    ends = torch.sigmoid((scaled(count, 5, 60) - u.abs()) * 0.6)
    pieces = torch.where(chosen(count, 0.3), torch.sigmoid(wavy(u, 16) * 4), torch.ones(1))
    return torch.exp(-((across / scaled(count, 0.6, 2.5)) ** 2)) * ends * pieces


def pores(count):
    """Mask 0..1 of many small holes in one place."""
    holes = F.interpolate(torch.randn(count, 1, SIZE // 3, SIZE // 3), size=(SIZE, SIZE), mode="bilinear")[:, 0]
    u, v = around(count)
    return torch.sigmoid((holes - 1.0) * 8) * torch.exp(-(u * u + v * v) / scaled(count, 6, 22) ** 2)


def changed(image, noise, kind, strength):
    """The images with one change of the given kind each; strength [count, 1, 1], in the greys of the image."""
    count = len(image)
    rim = blob(count, noise, 1.3, 9, 0.4)
    hole = torch.where(chosen(count, 0.2), pores(count), rim)
    stroke, area = line(count), torch.where(chosen(count, 0.3), beyond(count), blob(count, noise, 7, 48, 0.5))
    piece = blob(count, noise, 4, 22, 0.3)
    u, v = around(count)
    radius = scaled(count, 2.5, 14)
    dent = u / radius * torch.exp(0.5 - (u * u + v * v) / radius**2)
    shift = [int(torch.randint(8, SIZE - 8, ())) for _ in range(2)]
    moved = torch.roll(image, shift, dims=(1, 2))
    gone = torch.where(chosen(count, 0.5), image.amin(dim=(1, 2), keepdim=True), image.amax(dim=(1, 2), keepdim=True))
    other = torch.where(chosen(count, 0.5), moved, gone + 0.1 * noise)
    smooth = F.avg_pool2d(image[:, None], 7, stride=1, padding=3, count_include_pad=False)[:, 0]
    # Polished, gone over with something else, ground harder, or made as another part is.
    rougher = smooth + (image - smooth) * scaled(count, 1.7, 4.0)
    foreign = image.roll(1, 0)
    foreign = image.mean(dim=(1, 2), keepdim=True) + (foreign - foreign.mean(dim=(1, 2), keepdim=True)) * scaled(count, 0.3, 1.0)
    worn = torch.stack([smooth, image + strength * torch.roll(noise, shift[0], dims=0), rougher, foreign], dim=1)
    worn = worn[torch.arange(count), torch.randint(4, (count,))]
    sign = torch.where(chosen(count, 0.5), 1.0, -1.0)
    every = [
        image - strength * hole,
        image + strength * hole,
        image - strength * stroke,
        image + strength * stroke,
        image + sign * strength * area,
        image + (worn - image) * area,
        image + strength * dent,
        image + (other - image) * piece,
    ]
    picked = torch.stack(every, dim=1)
    return torch.gather(picked, 1, kind.view(-1, 1, 1, 1).expand(-1, 1, SIZE, SIZE))[:, 0]


def smoothed(image, edge):
    return F.avg_pool2d(image[:, None], edge, stride=1, padding=edge // 2, count_include_pad=False)[:, 0]


def defective(image, noise, most):
    """The images with up to `most` changes each, and how far each cell stands out for each kind: [count, kinds, cells, cells]."""
    count = len(image)
    rough = smoothed((image - smoothed(image, 5)).abs(), 15)
    unit = 0.1 + 1.5 * rough
    contrast = torch.zeros(count, len(KINDS), SIZE // CELL, SIZE // CELL)
    for k in range(most):
        kind = torch.randint(len(KINDS), (count,))
        strength = scaled(count, 0.15, 1.2) + 2 * rough.mean(dim=(1, 2), keepdim=True)
        new = torch.where(chosen(count, 0.9 if k == 0 else 0.4), changed(image, noise.roll(k, 0), kind, strength), image)
        cells = F.max_pool2d(((new - image).abs() / unit)[:, None], CELL)
        contrast = torch.maximum(contrast, cells * F.one_hot(kind, len(KINDS))[:, :, None, None])
        image = new
    return image, contrast


def soiled(image, noise):
    """What good parts differ in: light, glare, faint dirt and faint marks."""
    count = len(image)
    rough = (image - smoothed(image, 5)).abs().mean(dim=(1, 2), keepdim=True)
    for _ in range(2):
        kind = torch.randint(5, (count,))
        faint = (0.03 + 0.5 * rough) * torch.rand(count, 1, 1) * chosen(count, 0.5)
        image = changed(image, noise, kind, faint)
    u, v = around(count)
    glare = torch.exp(-(u * u + (v * uniform((count, 1, 1), 0.3, 1.0)) ** 2) / scaled(count, 25, 80) ** 2)
    return image + glare * uniform((count, 1, 1), -0.7, 0.9) * chosen(count, 0.5)


def photographed(image):
    """Light, gamma, focus, resolution, noise and exposure of a camera. uint8 [count, size, size, 3]."""
    count, size, _ = image.shape
    u, v = grid(count, size)
    image = image + uniform((count, 1, 1), 0, 0.5) * (u + 0.5 * u * v)
    image = torch.where(chosen(count, 0.35), smoothed(image, 3), image)
    coarse = F.interpolate(image[:, None], size=(size // 2, size // 2), mode="area")
    coarse = F.interpolate(coarse, size=(size, size), mode="bilinear")[:, 0]
    image = torch.where(chosen(count, 0.15), coarse, image)
    low = image.amin(dim=(1, 2), keepdim=True)
    high = image.amax(dim=(1, 2), keepdim=True)
    image = ((image - low) / (high - low + 1e-3)) ** torch.exp(uniform((count, 1, 1), -0.5, 0.5))
    image = image * uniform((count, 1, 1), 60, 255) + uniform((count, 1, 1), 0, 60)
    coloured = (torch.rand(count, 1, 1, 1) < 0.4) * uniform((count, 1, 1, 3), -0.35, 0.35)
    image = image[..., None] * (1 + coloured)
    image = image + torch.randn(count, size, size, 1) * uniform((count, 1, 1, 1), 0, 7)
    return image.clamp(0, 255).round().to(torch.uint8)


class Source:
    """Draws batches out of a store of parts and textures that is renewed a little with each: drawing them costs more than learning."""

    def __init__(self, stored=600, renewed=1):
        self.renewed, self.at = renewed, 0
        self.fields = torch.cat([parts(50) for _ in range(stored // 50)]).half()
        self.noises = texture(256, SIZE)

    def batch(self, count):
        """Images uint8 [count, SIZE, SIZE, 3], cells [count, kinds, SIZE/CELL, SIZE/CELL]: 1 defective, 0 good, -1 neither.

        Good and defective images come in pairs of the same part, so that nothing but the defect tells them apart.
        """
        self.fields[self.at : self.at + self.renewed] = parts(self.renewed).half()
        self.at = (self.at + self.renewed) % (len(self.fields) - self.renewed)
        half = count // 2
        good = looked_at(self.fields[torch.randint(len(self.fields), (half,))].float())
        noise = self.noises[torch.randint(len(self.noises), (2 * half,))]
        bad, contrast = defective(good, noise[:half], 3)
        images = photographed(soiled(torch.cat([good, bad]), noise))
        contrast = torch.cat([torch.zeros_like(contrast), contrast])
        cells = (contrast > UNSURE[1]).float() - ((contrast > UNSURE[0]) & (contrast <= UNSURE[1])).float()
        return images, cells
