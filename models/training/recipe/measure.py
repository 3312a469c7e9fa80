"""What a model is worth, with intervals. Probabilities and labels are arrays of one length; 1 is a defect."""

import numpy as np


def auroc(scores, labels):
    """Of a pair of the same score half counts: a network that says one thing of every image is a coin, in whatever order they lie."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives = labels.sum()
    return (ranks[labels == 1].sum() - positives * (positives + 1) / 2) / (positives * (len(labels) - positives))


def by_part(probabilities, labels, groups):
    """One score and one label for each part, the mean over its images; a part with good and defective images counts as two."""
    _, inverse = np.unique(np.char.add(groups, np.where(labels == 1, "/NG", "/OK")), return_inverse=True)
    mean = lambda values: np.bincount(inverse, values) / np.bincount(inverse)
    return mean(probabilities), mean(labels).astype(int)


def accuracy(probabilities, labels):
    return ((probabilities >= 0.5) == (labels == 1)).mean()


def calibration_error(probabilities, labels, bins=10):
    edges = np.minimum((probabilities * bins).astype(int), bins - 1)
    error = 0.0
    for b in range(bins):
        inside = edges == b
        if inside.any():
            error += inside.mean() * abs(probabilities[inside].mean() - labels[inside].mean())
    return error


def calibration_error_of_chance(probabilities, groups, rng, rounds=200):
    """What a model whose probabilities are right would show on so few parts: the mean over labels drawn part by part, by its own
    probabilities. An error below that says nothing."""
    _, inverse = np.unique(groups, return_inverse=True)
    of_part = np.bincount(inverse, probabilities) / np.bincount(inverse)
    return float(np.mean([calibration_error(probabilities, (rng.random(len(of_part)) < of_part)[inverse]) for _ in range(rounds)]))


Z95 = 1.959964


def wilson(p, n):
    """Wilson score interval, 95 %, of a share that was seen in n independent cases."""
    if n == 0:
        return 0.0, 1.0
    centre = (p + Z95 * Z95 / (2 * n)) / (1 + Z95 * Z95 / n)
    half = Z95 * np.sqrt(p * (1 - p) / n + Z95 * Z95 / (4 * n * n)) / (1 + Z95 * Z95 / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def area_interval(area, bad, good):
    """Score interval, 95 %, of an area under the ROC curve over so many independent cases (Newcombe 2006, method 5)."""

    def least(area):
        low, high = 0.0, area
        for _ in range(50):
            middle = (low + high) / 2
            pairs = 1 + ((bad + good) / 2 - 1) * ((1 - middle) / (2 - middle) + middle / (1 + middle))
            is_out_of_reach = area - middle > Z95 * np.sqrt(middle * (1 - middle) * pairs / (bad * good))
            low, high = (middle, high) if is_out_of_reach else (low, middle)
        return low

    return least(area), 1 - least(1 - area)


def rounds_of(measure, probabilities, labels, groups, rng, rounds=1000):
    """`measure` of whole groups drawn again and again, as many as there are: images of one part are not independent."""
    names, inverse = np.unique(groups, return_inverse=True)
    members = np.split(np.argsort(inverse, kind="stable"), np.cumsum(np.bincount(inverse))[:-1])
    values = []
    for _ in range(rounds):
        pick = np.concatenate([members[k] for k in rng.integers(len(names), size=len(names))])
        if 0 < labels[pick].sum() < len(pick):
            values.append(measure(probabilities[pick], labels[pick]))
    return np.array(values)


def interval_of(values, alike):
    """(low, high), 95 %. `alike`: what it is where all rounds say the same, as they do where no image is wrong."""
    return alike if np.ptp(values) < 1e-9 else tuple(np.percentile(values, [2.5, 97.5]))


def error_interval(error, values):
    """Of a sum of absolute errors, as src/training/intervals.ts has it: chance only adds to it, and once more in each round. What the rounds
    reach above the figure is taken off below it, what they reach above their middle is put on above it."""
    high = np.percentile(values, 97.5)
    return max(0.0, min(error, 2 * error - high)), min(1.0, error + high - np.median(values))


def part_weights(labels, groups):
    """Every part of a class weighs the same, however often it was photographed; each class weighs as many images as it has."""
    weights = np.zeros(len(labels))
    for label in np.unique(labels):
        of_class = np.flatnonzero(labels == label)
        _, inverse, counts = np.unique(groups[of_class], return_inverse=True, return_counts=True)
        weights[of_class] = len(of_class) / len(counts) / counts[inverse]
    return weights


def fit_platt(logits, labels, weights=None):
    """scale, shift of sigmoid(scale * logit + shift), by Newton's method on Platt's smoothed targets (Platt 1999, Lin 2007).

    The smoothing keeps the scale finite where the classes do not overlap. `weights`: of each image, 1 where there are none. Scores
    that are worse than chance are not turned round: they get the scale 0.
    """
    scales, shift = fit_opinions(logits[:, None], labels, weights)
    return float(scales[0]), shift


def fit_opinions(logits, labels, weights=None):
    """As `fit_platt`, of several opinions at once: logits [N,k] -> scales [k], shift. None weighs less than nothing."""
    weights = np.ones(len(labels)) if weights is None else weights
    bad, good = labels.sum(), (labels == 0).sum()
    target = np.where(labels == 1, (bad + 1) / (bad + 2), 1 / (good + 2))
    scales, heard = np.zeros(logits.shape[1]), list(range(logits.shape[1]))
    while True:
        found, shift = newton(logits[:, heard], target, weights)
        if (found >= 0).all():
            scales[heard] = found
            return scales, shift
        heard.pop(int(np.argmin(found)))


def newton(logits, target, weights, rounds=100):
    x = np.concatenate([logits, np.ones((len(logits), 1))], axis=1)
    w = np.zeros(x.shape[1])
    w[:-1] = 1 / max(1, x.shape[1] - 1)
    loss = lambda w: (weights * (np.logaddexp(0, x @ w) - target * (x @ w))).sum()
    for _ in range(rounds):
        p = 1 / (1 + np.exp(-np.clip(x @ w, -500, 500)))
        gradient = x.T @ (weights * (p - target))
        step = np.linalg.solve((x * (weights * p * (1 - p))[:, None]).T @ x + 1e-9 * np.eye(x.shape[1]), gradient)
        size = 1.0
        while loss(w - size * step) > loss(w) and size > 1e-6:
            size /= 2
        w = w - size * step
        if np.abs(size * step).max() < 1e-9:
            break
    return w[:-1], float(w[-1])


def balanced_loss(logits, labels, groups):
    """Cross-entropy after the best scale and shift, both classes, and in each every part, weighing the same: steadier than a rank
    on few parts."""
    weights = part_weights(labels, groups)
    scale, shift = fit_platt(logits, labels, weights)
    z = scale * logits + shift
    losses = weights * np.logaddexp(0, np.where(labels == 1, -z, z))
    return (losses[labels == 1].mean() + losses[labels == 0].mean()) / 2


def choose_cuts(probabilities, labels, max_escapes, max_false_rejects):
    """Below `pass_below` lie at most `max_escapes` of the defects, at or above `fail_above` at most `max_false_rejects` of the good
    parts; what lies between goes to a person, be it where the classes overlap or the gap where nothing was seen."""
    defects = np.sort(probabilities[labels == 1])
    good = np.sort(probabilities[labels == 0])[::-1]
    if len(defects) == 0 or len(good) == 0:
        raise SystemExit("expected good and defective parts in validation: a set with one kind only yields no cut")
    most = max(0.001, np.floor(defects[int(len(defects) * max_escapes)] * 1000) / 1000)
    # The cut itself fails: it lies above the last good part that may not, never on it.
    least = min(0.999, (np.floor(good[int(len(good) * max_false_rejects)] * 1000) + 1) / 1000)
    return {"pass_below": float(min(most, least)), "fail_above": float(max(most, least))}


def measure(probabilities, unfamiliar, labels, kinds, groups, cuts, rng):
    """`kinds`: class of each image; escape rates are given for each that has a defect. `unfamiliar`: which images do not pass, whatever
    they score. Intervals count parts (groups), not images."""
    escaped = (probabilities < cuts["pass_below"]) & ~unfamiliar
    rejected = probabilities >= cuts["fail_above"]
    good, bad = labels == 0, labels == 1
    parts = lambda of: len(set(groups[of]))

    def figure(value, interval, n):
        return {"value": round(float(value), 5), "low": round(float(interval[0]), 5), "high": round(float(interval[1]), 5), "n": int(n)}

    def rounds(of):
        return rounds_of(of, probabilities, labels, groups, rng)

    def drawn(of, alike):
        return figure(of(probabilities, labels), interval_of(rounds(of), alike), len(labels))

    def share(holds, of):
        value = holds[of].mean() if of.any() else 0.0
        return figure(value, wilson(value, parts(of)), of.sum())

    metrics = {
        "auroc": drawn(auroc, area_interval(auroc(probabilities, labels), parts(bad), parts(good))),
        "accuracy": drawn(accuracy, wilson(accuracy(probabilities, labels), len(set(groups)))),
        "escape_rate": share(escaped, bad),
        "false_reject_rate": share(rejected, good),
        "review_rate_good": share(~escaped & ~rejected, good),
        "review_rate_defective": share(~escaped & ~rejected, bad),
    }
    # Of scores without a wrong one, rounds that differ in their last digits know no more of it than rounds that are the same.
    if accuracy(probabilities, labels) < 1:
        error = calibration_error(probabilities, labels)
        metrics["calibration_error"] = figure(error, error_interval(error, rounds(calibration_error)), len(labels))
    for kind in sorted(set(kinds[bad])):
        name = "".join(c if c.isalnum() else "_" for c in kind.lower())
        metrics[f"escape_rate_{name}"] = share(escaped, bad & (kinds == kind))
    return metrics
