"""An opinion that few parts cannot spoil: one logistic regression on what the weights to start from see, as they are."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

L2 = 0.01
# Standardised statistics beyond this say no more than that they are far out.
FAR_OUT = 4.0


def statistics(maps):
    """[N,c,h,w] -> [N,5c]: mean, deviation, maximum, the maximum of 3x3 means, and how far the maximum stands out."""
    flat = maps.flatten(2)
    mean, spread, most = flat.mean(dim=2), flat.std(dim=2), flat.amax(dim=2)
    broad = F.avg_pool2d(maps, 3, 1, 1).flatten(2).amax(dim=2)
    return torch.cat([mean, spread, most, broad, (most - mean) / (spread + 0.1)], dim=1)


class Known(nn.Module):
    """uint8 [N,H,W,C] -> logit [N,1]. `body`: a Classifier with weights to start from; nothing of it is trained here."""

    def __init__(self, body):
        super().__init__()
        self.body = body.eval().requires_grad_(False)
        with torch.no_grad():
            count = self.seen(torch.zeros(1, 64, 64, body.mean.shape[1], dtype=torch.uint8)).shape[1]
        for name in ("centre", "weight"):
            self.register_buffer(name, torch.zeros(count))
        self.register_buffer("unit", torch.ones(count))
        self.register_buffer("bias", torch.zeros(1))

    def seen(self, image):
        """Statistics [N,S] of every stage and of the map of places."""
        body, x, stages = self.body, self.body.normalised(image), []
        for stage in body.near:
            x = stage(x)
            stages.append(x)
        # What only pools, or does nothing, says what the stage before it said.
        found = [maps for stage, maps in zip(body.near, stages) if not isinstance(stage, (nn.MaxPool2d, nn.Identity))]
        places = body.places(*stages[-2:])
        found += [body.far(x), places, body.spots(places)]
        return torch.cat([statistics(maps) for maps in found], dim=1)

    def forward(self, image):
        z = ((self.seen(image) - self.centre) / self.unit).clamp(-FAR_OUT, FAR_OUT)
        return (z * self.weight).sum(dim=1, keepdim=True) + self.bias

    def all_seen(self, pixels, batch=64):
        """`seen` of uint8 numpy images [N,H,W,C], float64 numpy [N,S]."""
        with torch.no_grad():
            parts = [self.seen(torch.from_numpy(np.array(pixels[i : i + batch]))) for i in range(0, len(pixels), batch)]
        return torch.cat(parts).double().numpy()

    def scaled_to(self, seen):
        """Takes its units from `seen`, [N,S] of images that may be learned from."""
        self.centre[:], self.unit[:] = torch.from_numpy(seen.mean(axis=0)), torch.from_numpy(seen.std(axis=0) + 1e-6)

    def scaled(self, seen):
        z = (seen - self.centre.double().numpy()) / self.unit.double().numpy()
        return z.clip(-FAR_OUT, FAR_OUT)


def fit_logistic(x, labels, weights, rounds=500):
    """Weights [S] and bias of a logistic regression with L2, classes weighing the same. @raises SystemExit where it does not converge"""
    weights = np.where(labels == 1, weights / weights[labels == 1].sum(), weights / weights[labels == 0].sum()) / 2
    x, target, importance = torch.from_numpy(x), torch.from_numpy(labels).double(), torch.from_numpy(weights)
    w = torch.zeros(x.shape[1] + 1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([w], max_iter=rounds, tolerance_grad=1e-6, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        each = F.binary_cross_entropy_with_logits(x @ w[:-1] + w[-1], target, reduction="none")
        total = (importance * each).sum() + L2 * (w[:-1] ** 2).sum() / 2
        total.backward()
        return total

    optimizer.step(loss)
    loss()
    steepest = float(w.grad.abs().max())
    if not steepest < 1e-3:
        raise SystemExit(f"the regression on known features does not converge: its gradient is still {steepest:.1e}")
    return w[:-1].detach().numpy(), float(w[-1])
