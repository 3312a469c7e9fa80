#!/usr/bin/env python3
"""The two trained networks and fixed filters to models/backbone/model.onnx, and their weights to one file for the recipe.

    export_backbone.py drawn.pt infrared.pt ../backbone/model.onnx
"""

import argparse
import pathlib

import torch

import procedural
from backbone_embedding import WEIGHTS, Embedding


def read(file):
    return torch.load(file, map_location="cpu", weights_only=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("drawn", type=pathlib.Path)
    parser.add_argument("infrared", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--weights", type=pathlib.Path, default=WEIGHTS, help="(default: %(default)s)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    states = {"drawn": read(args.drawn), "infrared": read(args.infrared)}
    embedding = Embedding(**states).eval()
    with torch.no_grad():
        embedding.fit_patches(torch.cat([procedural.photographed(procedural.parts(40, procedural.SIZE)) for _ in range(5)]))
    free = {"image": {0: "n", 1: "h", 2: "w"}}
    torch.onnx.export(
        embedding,
        torch.zeros(2, 128, 128, 3, dtype=torch.uint8),
        str(args.out),
        opset_version=16,
        input_names=["image"],
        output_names=list(Embedding.OUTPUTS),
        dynamic_axes=free | {name: {0: "n", **({1: "cells"} if "patches" in name else {})} for name in Embedding.OUTPUTS},
    )
    torch.save(states, args.weights)


if __name__ == "__main__":
    main()
