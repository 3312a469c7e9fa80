"""What a run does where the user does not say: from how many images and parts there are, and how large they are."""

import pathlib

import numpy as np

from .measure import auroc

# Below this many good or defective parts, chance decides much of what one network learns.
FEW_PARTS = 100
OFTEN = 12
LEVEL_TELLS = 0.6


def settle(args, packed, device):
    """Fills in every choice of `args` that is None. @returns a sentence for each that it made"""
    parts = [np.unique(packed.groups[packed.labels == label]) for label in (0, 1)]
    least = min(len(each) for each in parts)
    made = {}
    if args.small_stem is None:
        made["small_stem"] = min(packed.pixels.shape[1:3]) < 64
    if args.per_part is None:
        made["per_part"] = OFTEN if len(packed.labels) > OFTEN * sum(len(each) for each in parts) else 0
    if args.members is None:
        made["members"] = 3 if least < FEW_PARTS else 1
    if args.made is None:
        made["made"] = 0.5 if least < FEW_PARTS else 0.0
    if args.light is None:
        made["light"] = "changing" if level_tells(packed) < LEVEL_TELLS or least < FEW_PARTS else "steady"
    if args.average_mirrors is None:
        made["average_mirrors"] = made.get("small_stem", args.small_stem) and args.mirrors
    if args.precision is None:
        made["precision"] = "fp16" if device.type == "cuda" else "bf16" if has_bf16() else "fp32"
    for name, value in made.items():
        setattr(args, name, value)
    return ", ".join(f"{name.replace('_', '-')} {value}" for name, value in made.items())


def level_tells(packed):
    """How well the mean grey of an image alone tells good from defective, 0.5..1."""
    chosen = np.arange(len(packed.labels))[:: max(1, len(packed.labels) // 4096)]
    area = auroc(packed.pixels[chosen].mean(axis=(1, 2, 3)), packed.labels[chosen])
    return max(area, 1 - area)


def has_bf16():
    """Whether the CPU multiplies bfloat16 by itself; where it does not, bf16 is slower than fp32."""
    about = pathlib.Path("/proc/cpuinfo")
    return about.is_file() and any(flag in about.read_text() for flag in ("avx512_bf16", "amx_bf16"))
