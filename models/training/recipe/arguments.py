"""What `train_folder.py` can be told, and what is wrong with it, said before anything that takes time is loaded."""

import argparse
import pathlib
import re

from .packed import FOLDS, load

# Eight channels in the first stage.
LEAST_WIDTH = 0.125
# As `networks.build` makes them.
ARCHITECTURE = re.compile("resnet(18|34|50)|vgg(11|13|16)")
# As src/model-repository/manifest.ts has them.
NAME, VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"), re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,3}")


def arguments(description):
    """What `train_folder.py` was told. Ends the process, with a sentence, where no training could follow from it."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("packed", type=pathlib.Path)
    add("--package", type=pathlib.Path, help="models/<name>/<version> to write")
    add("--anew", action="store_true", help="replace a package that is there")
    add("--architecture", default="resnet18", help="resnet18/34/50, vgg11/13/16")
    add("--width", type=float, default=0.25, help="factor on every channel count")
    add("--small-stem", action=argparse.BooleanOptionalAction, help="full resolution in the first stage (auto: for images below 64 pixels)")
    add("--dropout", type=float, default=0.2)
    add("--init", type=pathlib.Path, metavar="FILE",
        help="weights to start from: torchvision or timm ResNet (.pth, .bin, .safetensors), a run of this, or nothing (auto: what drawn images taught, where it fits)")
    add("--known", action=argparse.BooleanOptionalAction,
        help="one more opinion: a regression on what the backbone of `loupe teach` sees, at its cost for each image (auto: below 100 parts of a class)")
    add("--epochs", type=int, help="(auto: 40; with weights to start from, what makes 600 steps)")
    add("--batch", type=int, default=32)
    add("--rate", type=float, help="peak learning rate (auto: 3e-3, a third of it with weights to start from)")
    add("--patience", type=int, default=25, help="epochs without a better validation loss before a run stops")
    add("--per-part", type=int, help="at most so many images of one part in an epoch; 0: all (auto: 12 where parts have more)")
    add("--members", type=int, help="networks whose mean decides (auto: 3 below 100 parts of a class, else 1)")
    add("--made", type=float, help="share of the good images that are made defective (auto: 0.5 below 100 parts of a class, else 0)")
    add("--precision", choices=("fp32", "fp16", "bf16"), help="(auto: fp16 on CUDA, bf16 on a CPU that has it, else fp32)")
    add("--turns", action="store_true", help="the part has no upper side: turn it by any angle")
    add("--no-mirrors", dest="mirrors", action="store_false", help="a mirrored part would be another part")
    add("--average-mirrors", action=argparse.BooleanOptionalAction,
        help="the graph averages four mirrored views: steadier, four times the cost (auto: for images below 64 pixels)")
    add("--light", choices=("changing", "steady"), help="steady: the level of the pixels tells of defects, as in thermal images (auto)")
    add("--seeds", type=int, default=3)
    add("--curve", action="store_true", help="also train on a quarter and on half of the parts: would more help?")
    add("--max-escapes", type=float, default=0.02, help="of validation defects, for pass_below")
    add("--max-false-rejects", type=float, default=0.005, help="of good validation parts, for fail_above")
    add("--figures", type=pathlib.Path, help="JSON file for the figures of every seed")
    add("--scores", type=pathlib.Path, help="CSV of the first seed's test images: file,label,probability")
    add("--source", help="where the images come from, for the manifest")
    add("--licence", help="of the images, for the manifest")
    add("--golden", type=pathlib.Path, help="labelled folder that was packed: a few test images of it go into the package, by which an engine proves itself")
    add("--description", default="")
    add("--threads", type=int, default=1)
    args = parser.parse_args()
    if args.package is not None and (args.source is None or args.licence is None):
        parser.error("--package needs --source and --licence: a manifest names where its images come from")
    if args.package is not None:
        args.package = args.package.absolute()
        if args.golden is None:
            parser.error("--package needs --golden, the labelled folder that was packed: a package without golden images is refused by Loupe")
        if not (NAME.fullmatch(args.package.parent.name) and VERSION.fullmatch(args.package.name)):
            parser.error(f"expected --package MODELS/NAME/VERSION, for example models/gasket/1, got {args.package}")
        if (args.package / "manifest.json").exists() and not args.anew:
            parser.error(f"{args.package} is there already, and a package never changes: take another version, or --anew where none was put to work")
    if not ARCHITECTURE.fullmatch(args.architecture):
        parser.error(f"expected resnet18/34/50 or vgg11/13/16 for --architecture, got {args.architecture}")
    if args.members is not None and not 1 <= args.members < FOLDS:
        parser.error(f"expected 1 to {FOLDS - 1} --members, each with another fifth of the parts for validation, got {args.members}")
    if args.width < LEAST_WIDTH:
        parser.error(f"expected a --width of at least {LEAST_WIDTH}, got {args.width}: with fewer channels PyTorch 1.13 dies on a CPU without AVX-512")
    if args.made is not None and not 0 <= args.made < 1:
        parser.error(f"expected a share from 0 to below 1 for --made, got {args.made}")
    return args


def images_of(args):
    """The packed images. @raises SystemExit where there are none, or `--golden` is not the folder that was packed"""
    packed = load(args.packed)
    missing = [] if args.package is None else [name for name in packed.files if not (args.golden / name).is_file()]
    if missing:
        raise SystemExit(
            f"--golden {args.golden}: expected the labelled folder that was packed, there is no {missing[0]} ({len(missing)} of {len(packed.files)} are missing)"
        )
    return packed
