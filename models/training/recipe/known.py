"""An opinion that few parts cannot spoil: one logistic regression on what the backbone of `loupe teach` sees, as it is.

And a doubt: a picture that is far from all that was learned (another product, a covered lens) is none that anybody labelled. As in
src/training/familiarity.ts.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

# The longer edge of what the backbone is shown, as `loupe teach` shows it.
EDGE = 256
# It takes no less, and multiples of this.
LEAST, STEP = 64, 16
# Standardised values beyond this say no more than that they are far out.
FAR_OUT = 4.0
# Share of its level by which a value has to change to say anything.
STILL = 1e-3
# Of the held-out images, how many may be farther than the limit of what is familiar is based on, and how far beyond them it lies.
OUTLIERS, MARGIN, LEAST_LIMIT = 0.01, 1.2, 2.0
# Share of the limit in which certainty is lost.
RAMP = 0.1
# The very cut may come out below itself in float32: where both cuts are the same, that would be a PASS.
ABOVE_ROUNDING = 0.00025
# Penalty times images, as `loupe teach` has it.
PENALTY = 1 / 30


def shown_size(height, width):
    scale = EDGE / max(height, width)
    return tuple(max(LEAST, round(edge * scale / STEP) * STEP) for edge in (height, width))


class Known(nn.Module):
    """uint8 [N,H,W,C] -> logit [N,1]. Nothing of `embedding` is trained here."""

    def __init__(self, embedding):
        super().__init__()
        self.embedding = embedding.eval().requires_grad_(False)
        with torch.no_grad():
            widths = [block.shape[1] for block in self.embedding.blocks(torch.zeros(1, LEAST, LEAST, 3))]
        # Blocks count the same, however wide they are.
        self.register_buffer("share", torch.tensor([width**-0.5 for width in widths for _ in range(width)]))
        for name in ("centre", "weight"):
            self.register_buffer(name, torch.zeros(sum(widths)))
        self.register_buffer("unit", torch.ones(sum(widths)))
        self.register_buffer("bias", torch.zeros(1))
        # What each squared value counts of the distance; the first block follows the lamp, which may fade without making a stranger of every part.
        self.register_buffer("kind", torch.cat([torch.zeros(widths[0]), self.share[widths[0] :] ** 2 / (len(widths) - 1)]))
        self.register_buffer("limit", torch.full((1,), FAR_OUT**2))

    def seen(self, image):
        """Blocks of the backbone, one after the other, [N,S]."""
        x = image.permute(0, 3, 1, 2).float()
        # Numbers, not tensors: the size of the exported graph is fixed.
        height, width = (int(edge) for edge in x.shape[2:])
        shrink = max(1, max(height, width) // EDGE)
        x = F.interpolate(F.avg_pool2d(x, shrink), size=shown_size(height, width), mode="bilinear", align_corners=False)
        return torch.cat(self.embedding.blocks(x.expand(-1, 3, -1, -1).permute(0, 2, 3, 1)), dim=1)

    def all(self, image):
        """Logit, and from 0 to 1 how sure it is that this is a picture of something else: [N,1] each."""
        z = ((self.seen(image) - self.centre) / self.unit).clamp(-FAR_OUT, FAR_OUT)
        distance = (z * z * self.kind).sum(dim=1, keepdim=True)
        doubt = ((distance / self.limit - 1) / RAMP).clamp(0, 1)
        return (z * self.share * self.weight).sum(dim=1, keepdim=True) + self.bias, doubt

    def forward(self, image):
        return self.all(image)[0]

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
        """Takes its units from `seen`, [N,S] of images that may be learned from."""
        self.centre[:], self.unit[:] = (torch.from_numpy(each) for each in units(seen))

    def distances(self, seen, learned):
        """How far `seen` [N,S] is from `learned` [M,S], on average 1 for these: [N]"""
        centre, unit = units(learned)
        return ((seen - centre) / unit).clip(-FAR_OUT, FAR_OUT) ** 2 @ self.kind.double().numpy()

    def limited_to(self, held_out):
        """Takes its limit from the distances of parts that were not learned."""
        farthest = np.sort(held_out)[int(np.ceil((1 - OUTLIERS) * len(held_out))) - 1]
        self.limit[:] = max(LEAST_LIMIT, MARGIN * float(farthest))

    def scaled(self, seen):
        z = (seen - self.centre.double().numpy()) / self.unit.double().numpy()
        return z.clip(-FAR_OUT, FAR_OUT) * self.share.double().numpy()


def unfamiliar_at(cuts):
    """The least logit of a picture of something else: between the cuts, so that a person sees it."""
    middle = (cuts["pass_below"] + cuts["fail_above"]) / 2 + ABOVE_ROUNDING
    return float(np.log(middle / (1 - middle)))


def units(seen):
    mean, spread = seen.mean(axis=0), seen.std(axis=0)
    # What hardly changes carries nothing, and its last digits differ from one runtime to another.
    return mean, np.where(spread > STILL * (1 + np.abs(mean)), spread, 1)


def fit_logistic(x, labels, weights, rounds=500):
    """Weights [S] and bias of a logistic regression with L2, classes weighing the same. @raises SystemExit where it does not converge"""
    penalty = PENALTY / len(labels)
    weights = np.where(labels == 1, weights / weights[labels == 1].sum(), weights / weights[labels == 0].sum()) / 2
    x, target, importance = torch.from_numpy(x), torch.from_numpy(labels).double(), torch.from_numpy(weights)
    w = torch.zeros(x.shape[1] + 1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([w], max_iter=rounds, tolerance_grad=1e-6, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        each = F.binary_cross_entropy_with_logits(x @ w[:-1] + w[-1], target, reduction="none")
        total = (importance * each).sum() + penalty * (w[:-1] ** 2).sum() / 2
        total.backward()
        return total

    optimizer.step(loss)
    loss()
    steepest = float(w.grad.abs().max())
    if not steepest < 1e-3:
        raise SystemExit(f"the regression on what the backbone sees does not converge: its gradient is still {steepest:.1e}")
    return w[:-1].detach().numpy(), float(w[-1])
