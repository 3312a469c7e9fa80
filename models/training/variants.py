#!/usr/bin/env python3
"""Makes cheaper variants of a model package: variants/int8.onnx for the CPU, variants/fp16.onnx for CUDA.

    variants.py PACKAGE PACKED [--only int8|fp16] [--images 300]

PACKED is what `loupe dataset pack` wrote with the sizes of the package: the ranges of the activations are taken on its training
side, never on what the package is measured on. Needs onnx, onnxruntime and numpy (pip install onnx onnxruntime). Nothing is in use
before `loupe models verify-variants PACKAGE --data FOLDER` has compared it with model.onnx.
"""

import argparse
import json
import pathlib
import tempfile

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16

from recipe.packed import load, split

# What costs time. The head is left as it is: it costs nothing, and the logit keeps its precision.
COSTLY = ["Conv", "Add", "Relu", "MaxPool", "AveragePool"]


def kept_as_they_are(model):
    """Names of nodes whose precision stays: how far a picture is from what was learned (recipe/familiar.py) is a sum of squares."""
    return [node.name for node in onnx.load(str(model), load_external_data=False).graph.node if "/familiar/" in node.name]


class Images(CalibrationDataReader):
    def __init__(self, name, pixels):
        self.batches = iter([{name: pixels[i : i + 1]} for i in range(len(pixels))])

    def get_next(self):
        return next(self.batches, None)


def calibration_images(args, manifest):
    packed = load(args.packed)
    wanted = [manifest["input"][key] for key in ("height", "width")]
    if list(packed.pixels.shape[1:3]) != wanted or packed.meta["colour"] != manifest["input"]["colour"]:
        raise SystemExit(f"{args.packed}: expected {wanted} pixels of {manifest['input']['colour']}, as the package reads them")
    # Seed 1 is the split of the packaged model.
    train = split(packed, 1)["train"]
    chosen = np.random.default_rng(0).permutation(train)[: args.images]
    return np.stack([packed.pixels[i] for i in chosen])


def make_int8(model, file, name, pixels):
    with tempfile.TemporaryDirectory() as folder:
        prepared = pathlib.Path(folder) / "prepared.onnx"
        quant_pre_process(str(model), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(file),
            Images(name, pixels),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=COSTLY,
            nodes_to_exclude=kept_as_they_are(prepared),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            # Seven bits: without VNNI two products of 8 bits are added up in 16, and saturate.
            reduce_range=True,
            calibrate_method=CalibrationMethod.MinMax,
        )


def make_fp16(model, file):
    # Inputs and outputs stay what the manifest says.
    blocked = {"op_block_list": ["Sigmoid"], "node_block_list": kept_as_they_are(model)}
    onnx.save(convert_float_to_float16(onnx.load(str(model)), keep_io_types=True, **blocked), str(file))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=pathlib.Path)
    parser.add_argument("packed", type=pathlib.Path)
    parser.add_argument("--only", choices=("int8", "fp16"))
    parser.add_argument("--images", type=int, default=300, help="for the ranges of the activations")
    args = parser.parse_args()
    place = args.package / "manifest.json"
    if not place.is_file():
        raise SystemExit(f"{args.package}: expected a model package, there is no manifest.json")
    manifest = json.loads(place.read_text())
    if manifest["input"]["dtype"] != "uint8":
        raise SystemExit(f"{args.package}: expected a graph that takes uint8 pixels, this one takes {manifest['input']['dtype']}")
    pixels = calibration_images(args, manifest)
    # What the manifest says of variants was about other files than the ones written now.
    if manifest.pop("variants", None) is not None:
        place.write_text(json.dumps(manifest, indent=2) + "\n")
    (args.package / "variants").mkdir(exist_ok=True)
    model = args.package / "model.onnx"
    for name in ("int8", "fp16") if args.only is None else (args.only,):
        file = args.package / "variants" / f"{name}.onnx"
        if name == "int8":
            make_int8(model, file, manifest["input"]["name"], pixels)
        else:
            make_fp16(model, file)
        print(f"{file}: {file.stat().st_size} bytes, model.onnx {model.stat().st_size}")


if __name__ == "__main__":
    main()
