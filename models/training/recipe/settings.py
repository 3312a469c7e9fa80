"""What a run does where the user does not say: from how many images and parts there are, and how large they are."""

import pathlib

import numpy as np

from .fit import epoch_order
from .measure import auroc

# Below this many good or defective parts, chance decides much of what one network learns.
FEW_PARTS = 100
OFTEN = 12
RATE_FROM_SCRATCH, RATE_FROM_WEIGHTS = 3e-3, 1e-3
EPOCHS, STEPS = 40, 600
# Of the images, in training; the rest is validation and test.
TRAINED_SHARE = 0.6
LEVEL_TELLS = 0.6
# Weights that drawn images taught (`train_backbone.py --recipe`), and the network that they fit.
DRAWN = pathlib.Path(__file__).resolve().parents[1] / "drawn.weights.pt"
DRAWN_NETWORK = ("resnet18", 0.25)
SCRATCH = pathlib.Path("nothing")


def settle(args, packed, device):
    """Fills in every choice of `args` that is None. @returns a sentence that names those that it made"""
    parts = [np.unique(packed.groups[packed.labels == label]) for label in (0, 1)]
    made = {}

    def choose(name, value):
        if getattr(args, name) is None:
            setattr(args, name, value)
            made[name] = value

    has_few = min(len(each) for each in parts) < FEW_PARTS
    choose("small_stem", min(packed.pixels.shape[1:3]) < 64)
    choose("init", DRAWN if (args.architecture, args.width) == DRAWN_NETWORK and not args.small_stem else SCRATCH)
    has_weights = args.init != SCRATCH
    choose("rate", RATE_FROM_WEIGHTS if has_weights else RATE_FROM_SCRATCH)
    choose("per_part", OFTEN if len(packed.labels) > OFTEN * sum(len(each) for each in parts) else 0)
    choose("epochs", epochs_of(args, packed) if has_weights else EPOCHS)
    choose("known", has_few)
    choose("members", 3 if has_few else 1)
    choose("made", 0.5 if has_few else 0.0)
    choose("light", "changing" if has_few or level_tells(packed) < LEVEL_TELLS else "steady")
    choose("average_mirrors", args.small_stem and args.mirrors)
    choose("precision", "fp16" if device.type == "cuda" else "bf16" if has_bf16() else "fp32")
    return ", ".join(described(name, value) for name, value in made.items())


def epochs_of(args, packed):
    """Weights to start from need steps, not epochs: so many epochs as make `STEPS`, at least 8 and at most 60."""
    every = np.arange(len(packed.labels))
    heard = len(epoch_order(every, packed.labels, packed.groups, args.per_part, np.random.default_rng(0)))
    return int(np.clip(np.ceil(STEPS * args.batch / (TRAINED_SHARE * heard)), 8, 60))


def described(name, value):
    """A choice as a report says it; of a file its name alone."""
    return f"{name.replace('_', '-')} {value.name if isinstance(value, pathlib.Path) else value}"


def level_tells(packed):
    """How well the mean grey of an image alone tells good from defective, 0.5..1."""
    chosen = np.arange(len(packed.labels))[:: max(1, len(packed.labels) // 4096)]
    area = auroc(packed.pixels[chosen].mean(axis=(1, 2, 3)), packed.labels[chosen])
    return max(area, 1 - area)


def has_bf16():
    """Whether the CPU multiplies bfloat16 by itself; where it does not, bf16 is slower than fp32."""
    about = pathlib.Path("/proc/cpuinfo")
    return about.is_file() and any(flag in about.read_text() for flag in ("avx512_bf16", "amx_bf16"))
