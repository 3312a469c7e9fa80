#!/usr/bin/env python3
"""Trains a classifier on packed labelled images, measures it over several seeds, and writes a model package.

    train_folder.py PACKED [--package models/NAME/VERSION --source TEXT --licence TEXT --golden DATA] [--seeds 3] ...

PACKED is what `loupe dataset pack` wrote. Every seed draws its own split by group into training, validation and test, so that
the figures have a spread; the package is the model of the first seed. Where there are few parts a model is several networks, each
with other parts for validation: their mean decides, and all these parts calibrate. What is not said is chosen from the images
and printed. Each epoch leaves a checkpoint under PACKED/runs: the same command goes on where it was ended. Without --package it
only measures.
"""

from recipe.arguments import arguments, images_of


def main():
    args = arguments(__doc__)
    packed = images_of(args)
    # PyTorch takes seconds to load: what is wrong was said before.
    from recipe.training import train

    train(args, packed)


if __name__ == "__main__":
    main()
