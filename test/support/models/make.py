#!/usr/bin/python3
"""Writes the tiny model packages beside this file that tests run in real engines. Needs PyTorch only.

Each calls a bright image a defect: the probability is the mean of all channels over 255, so that a test can foretell it.
"""

import hashlib
import json
import pathlib
import struct
import zlib

import torch
from torch import nn

HERE = pathlib.Path(__file__).parent
EDGE = 8


def brightness(image):
    return image.float().mean(dim=(1, 2, 3)).view(-1, 1) / 255.0


class MeanBrightness(nn.Module):
    def forward(self, image):
        return brightness(image).clamp(0, 1)


class NanWhenBright(nn.Module):
    """The logarithm is finite for a dark image, and nothing at all for a bright one."""

    def forward(self, image):
        mean = brightness(image)
        return mean + 0.0 * torch.log(0.8 - mean)


class WrongShape(nn.Module):
    def forward(self, image):
        mean = brightness(image)
        return torch.cat([mean, 1 - mean], dim=1)


class FloatLogit(nn.Module):
    """float32 NCHW after (pixel/255 - 0.5) / 0.25: the logit is twice their mean."""

    def forward(self, image):
        return 2.0 * image.mean(dim=(1, 2, 3)).view(-1, 1)


class Slow(nn.Module):
    """A few hundred milliseconds of matrix products that change nothing."""

    def forward(self, image):
        mean = brightness(image)
        block = (mean.sum() * 0.0).expand(1024, 1024)
        for _ in range(8):
            block = block @ block + 1e-6
        return mean + 0.0 * block[0, 0]


class Unsteady(nn.Module):
    """Now and then (one run in ten) a bright image turns dark: what a broken device does."""

    def forward(self, image):
        mean = brightness(image)
        luck = torch.rand_like(mean.mean())
        return mean * (luck < 0.9).float()


class Mapped(nn.Module):
    """Says itself where it is bright: the means of its four quarters."""

    def forward(self, image):
        cells = nn.functional.avg_pool2d(image.float().mean(dim=3).unsqueeze(1), EDGE // 2) / 255.0
        return brightness(image).clamp(0, 1), cells.squeeze(1)


def png(level):
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(b"\0" + bytes([level] * 3 * EDGE) for _ in range(EDGE))
    header = struct.pack(">IIBBBBB", EDGE, EDGE, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def write(name, net, golden, input_extra=None, kind="probability", outputs=("score",)):
    """golden: probability by grey level."""
    folder = HERE / name / "1"
    (folder / "golden").mkdir(parents=True, exist_ok=True)
    is_float = input_extra is not None
    shape, dtype = ((1, 3, EDGE, EDGE), torch.float32) if is_float else ((1, EDGE, EDGE, 3), torch.uint8)
    model = folder / "model.onnx"
    torch.onnx.export(
        net.eval(),
        torch.zeros(*shape, dtype=dtype),
        str(model),
        opset_version=16,
        input_names=["image"],
        output_names=list(outputs),
        dynamic_axes={name: {0: "n"} for name in ("image", *outputs)},
    )
    entries = []
    for level, probability in golden.items():
        (folder / "golden" / f"grey-{level}.png").write_bytes(png(level))
        entries.append({"file": f"golden/grey-{level}.png", "probability": probability})
    manifest = {
        "schema": "loupe.model/1",
        "name": name,
        "version": "1",
        "created_at": "2026-11-24T00:00:00Z",
        "sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "input": {
            "name": "image",
            "dtype": "float32" if is_float else "uint8",
            "layout": "NCHW" if is_float else "NHWC",
            "width": EDGE,
            "height": EDGE,
            "colour": "RGB",
            **(input_extra or {}),
            "resize": {"fit": "fill", "kernel": "linear"},
        },
        "output": {"name": "score", "kind": kind},
        "cuts": {"pass_below": 0.4, "fail_above": 0.6},
        "golden_tolerance": 0.005,
        "golden": entries,
        "training_data": {"source": "none: written by make.py", "licence": "Apache-2.0", "parts": 0, "sha256": None},
        "metrics": {},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


true = {51: 0.2, 102: 0.4}
write("mean-brightness", MeanBrightness(), {**true, 204: 0.8})
write("mapped", Mapped(), true, outputs=("score", "activation_map"))
write("nan", NanWhenBright(), true)
write("wrong-shape", WrongShape(), true)
write("golden-mismatch", MeanBrightness(), {51: 0.7})
write("slow", Slow(), true)
write("unsteady", Unsteady(), true)
sigmoid = lambda x: 1 / (1 + 2.718281828459045**-x)
write(
    "float-nchw-logit",
    FloatLogit(),
    {level: round(sigmoid(2 * (level / 255 - 0.5) / 0.25), 6) for level in (51, 204)},
    {"scale": 1 / 255, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
    "logit",
)
