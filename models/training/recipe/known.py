"""An opinion that few parts cannot spoil: one logistic regression on what the backbone of `loupe teach` sees, as it is."""

import numpy as np
import torch
from torch.nn import functional as F

from .familiar import Doubt, scaled_down

# The longer edge of what the backbone is shown, as `loupe teach` shows it; it takes no less than `LEAST`, and multiples of `STEP`.
EDGE, LEAST, STEP = 256, 64, 16
# Penalty times images, as `loupe teach` has it.
PENALTY = 1 / 30


class Known(Doubt):
    """uint8 [N,H,W,C] -> logit [N,1]. Nothing of `embedding` is trained here. In what it sees it also knows a picture of something else."""

    def __init__(self, embedding):
        embedding = embedding.eval().requires_grad_(False)
        with torch.no_grad():
            widths = [block.shape[1] for block in embedding.blocks(torch.zeros(1, LEAST, LEAST, 3))]
        super().__init__(sum(widths))
        self.embedding = embedding
        # Blocks count the same, however wide they are.
        self.register_buffer("share", torch.tensor([width**-0.5 for width in widths for _ in range(width)]))
        self.register_buffer("weight", torch.zeros(sum(widths)))
        self.register_buffer("bias", torch.zeros(1))
        # What each squared value counts of the distance; the first block follows the lamp, which may fade without making a stranger of every part.
        self.register_buffer("kind", torch.cat([torch.zeros(widths[0]), self.share[widths[0] :] ** 2 / (len(widths) - 1)]))

    def seen(self, image):
        """Blocks of the backbone, one after the other, [N,S]."""
        x = scaled_down(image, EDGE, LEAST, STEP)
        return torch.cat(self.embedding.blocks(x.expand(-1, 3, -1, -1).permute(0, 2, 3, 1)), dim=1)

    def distance(self, z):
        return (z * z * self.kind).sum(dim=1, keepdim=True)

    def scaled(self, seen):
        """float64 numpy [N,S] -> what the regression learns from."""
        return (self.standardised(torch.from_numpy(seen)) * self.share.double()).numpy()

    def all(self, image):
        """Logit and doubt, [N,1] each."""
        z = self.standardised(self.seen(image))
        return (z * self.share * self.weight).sum(dim=1, keepdim=True) + self.bias, self.doubt(z)

    def forward(self, image):
        return self.all(image)[0]


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
