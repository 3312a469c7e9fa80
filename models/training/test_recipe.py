"""python3 -m unittest test_recipe -- what the recipe promises, on images drawn here. A few seconds."""

import copy
import csv
import functools
import io
import json
import pathlib
import struct
import tempfile
import unittest
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from backbone_embedding import shipped
from recipe.augment import augment
from recipe.familiar import UNFAMILIAR, Familiar, scaled_size
from recipe.fit import Plan, epoch_order, fit, weights_file
from recipe.known import EDGE, LEAST, STEP, Known, fit_logistic
from recipe.measure import auroc, by_part, calibration_error, calibration_error_of_chance, choose_cuts
from recipe.measure import error_interval, fit_opinions, fit_platt, measure, part_weights
from recipe.networks import Together, build
from recipe.package import choose_golden, export, write_rows
from recipe.packed import MANY_PARTS, Packed, load, split
from recipe.pasting import Donors, made_defective
from recipe.progress import Progress
from recipe.settings import DRAWN, DRAWN_NETWORK, RATE_FROM_SCRATCH, RATE_FROM_WEIGHTS, SCRATCH, settle
from recipe.weights import start_from

CPU = torch.device("cpu")


def drawn(parts=24, each=3, edge=24, seed=0):
    """Noise, in every second part with a bright spot; its cell is marked in the mask."""
    rng = np.random.default_rng(seed)
    n = parts * each
    pixels = rng.normal(110, 12, (n, edge, edge, 1))
    spots = np.zeros((n, 16, 16), dtype=np.float32)
    labels = np.repeat(np.arange(parts) % 2, each)
    for i in np.flatnonzero(labels):
        y, x = rng.integers(4, edge - 6, 2)
        pixels[i, y : y + 3, x : x + 3] += 110
        spots[i, y * 16 // edge, x * 16 // edge] = 1
    groups = np.array([f"part{k}" for k in np.repeat(np.arange(parts), each)])
    text = np.where(labels == 1, "spot", "good")
    files = np.array([f"{k}.png" for k in range(n)])
    meta = {"sha256": "0" * 64}
    pixels = pixels.clip(0, 255).astype(np.uint8)
    return Packed(meta, pixels, files, labels, text, labels, groups, spots, np.ones(n, dtype=bool))


@functools.cache
def seen_by_backbone():
    """Plates, the backbone of `loupe teach`, what it sees of them, and how far it said that it was: it is slow, and two tests ask."""
    packed, known, told = drawn(parts=24, each=2, edge=64), Known(shipped()), []
    return packed, known, known.all_seen(packed.pixels, CPU, lambda *about: told.append(about)), told


def plan(**changed):
    settings = dict(epochs=3, batch=16, rate=3e-3, patience=9, per_part=0, precision="fp32", turns=False, mirrors=True, light=True, made=0.0)
    return Plan(**{**settings, **changed})


class Sides(unittest.TestCase):
    def test_no_part_lies_on_two_sides_and_every_side_has_both_classes(self):
        packed = drawn(parts=40)
        for seed in range(10):
            folds = split(packed, seed)
            self.assertEqual(sum(len(fold) for fold in folds.values()), len(packed.labels))
            parts = [set(packed.groups[fold]) for fold in folds.values()]
            self.assertFalse(parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
            for fold in folds.values():
                self.assertEqual(set(packed.labels[fold]), {0, 1})

    def test_every_side_has_its_share_of_every_kind_of_defect(self):
        packed = drawn(parts=80, each=1)
        defective = np.flatnonzero(packed.labels == 1)
        packed.kinds = packed.kinds.copy()
        packed.kinds[defective] = 1 + np.arange(40) % 4
        for seed in range(5):
            for fold, share in zip(split(packed, seed).values(), (6, 2, 2)):
                self.assertEqual(list(np.bincount(packed.kinds[fold], minlength=5)[1:]), [share] * 4)

    def test_of_many_parts_a_tenth_is_enough_for_validation(self):
        packed = drawn(parts=2 * MANY_PARTS, each=1, edge=12)
        every = [split(packed, 3, member=member) for member in range(2)]
        for folds in every:
            self.assertEqual([len(fold) for fold in folds.values()], [14 * MANY_PARTS // 10, 2 * MANY_PARTS // 10, 4 * MANY_PARTS // 10])
        self.assertEqual(list(every[0]["test"]), list(every[1]["test"]))
        self.assertFalse(set(every[0]["validation"]) & set(every[1]["validation"]))

    def test_members_share_the_test_side_and_validate_on_other_parts(self):
        packed = drawn(parts=40)
        every = [split(packed, 3, member=member) for member in range(3)]
        seen = set()
        for folds in every:
            self.assertEqual(list(folds["test"]), list(every[0]["test"]))
            parts = set(packed.groups[folds["validation"]])
            self.assertFalse(parts & seen or parts & set(packed.groups[folds["train"]]))
            self.assertEqual(set(packed.labels[folds["validation"]]), {0, 1})
            seen |= parts

    def test_a_black_mask_of_a_defective_image_tells_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            meta = {"count": 3, "height": 8, "width": 8, "colour": "GREY", "maskCells": 4}
            (folder / "dataset.json").write_text(json.dumps(meta))
            (folder / "pixels.bin").write_bytes(bytes(3 * 64))
            (folder / "masks.bin").write_bytes(bytes(16) + bytes([255] * 16) + bytes(16))
            rows = ["0,a.png,NG,dent,a,1", "1,b.png,NG,dent,b,1", "2,c.png,OK,good,c,0"]
            (folder / "labels.csv").write_text("\n".join(["index,image,label,class,group,has_mask", *rows]))
            self.assertEqual(list(load(folder).is_marked), [False, True, True])

    def test_a_small_defect_whose_mask_shrank_to_little_light_is_still_marked_and_a_bright_one_no_wider_than_before(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            meta = {"count": 3, "height": 8, "width": 8, "colour": "GREY", "maskCells": 2}
            (folder / "dataset.json").write_text(json.dumps(meta))
            (folder / "pixels.bin").write_bytes(bytes(3 * 64))
            (folder / "masks.bin").write_bytes(bytes([0, 0, 40, 0]) + bytes([255, 40, 0, 0]) + bytes([9, 9, 9, 9]))
            rows = ["0,a.png,NG,dent,a,1", "1,b.png,NG,dent,b,1", "2,c.png,OK,good,c,1"]
            (folder / "labels.csv").write_text("\n".join(["index,image,label,class,group,has_mask", *rows]))
            packed = load(folder)
            self.assertEqual(packed.spots.reshape(3, 4).tolist(), [[0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
            self.assertEqual(list(packed.is_marked), [True, True, True])

    def test_two_good_parts_are_refused(self):
        packed = drawn(parts=4)
        with self.assertRaisesRegex(SystemExit, "at least 3 good parts"):
            split(packed, 1)

    def test_a_part_photographed_often_is_not_heard_more_often_and_the_rarer_class_is_made_up_for(self):
        groups = np.array(["good"] * 60 + ["big"] * 60 + [f"small{k}" for k in range(9)])
        labels = np.array([0] * 60 + [1] * 69)
        order = epoch_order(np.arange(129), labels, groups, 4, np.random.default_rng(0))
        chosen = list(groups[order])
        self.assertEqual((chosen.count("good"), chosen.count("big")), (40, 4))


class Figures(unittest.TestCase):
    def test_platt_finds_the_scale_and_shift_that_made_the_labels(self):
        rng = np.random.default_rng(0)
        logits = rng.normal(0, 3, 40000)
        labels = (rng.random(40000) < 1 / (1 + np.exp(-(0.5 * logits - 1)))).astype(int)
        scale, shift = fit_platt(logits, labels)
        self.assertAlmostEqual(scale, 0.5, delta=0.02)
        self.assertAlmostEqual(shift, -1.0, delta=0.05)

    def test_a_part_with_a_hundred_images_calibrates_as_much_as_one_with_a_single_one(self):
        logits = np.array([*[2.0] * 100, -2.0, *[3.0] * 40])
        labels = np.array([0] * 101 + [1] * 40)
        weights = part_weights(labels, np.array(["often"] * 100 + ["once"] + ["bad"] * 40))
        self.assertAlmostEqual(weights[:100].sum(), weights[100])
        self.assertAlmostEqual(weights[101:].sum(), 40)
        # Half of the good parts lie at -2: by images alone hardly any do.
        chance = lambda scale, shift: 1 / (1 + np.exp(-(scale * -2 + shift)))
        self.assertLess(chance(*fit_platt(logits, labels, weights)), 0.1)

    def test_scores_worse_than_chance_are_not_turned_round(self):
        labels = np.repeat([0, 1], 50)
        scale, shift = fit_platt(np.where(labels == 1, -3.0, 3.0), labels)
        self.assertEqual(scale, 0)
        self.assertAlmostEqual(shift, 0)

    def test_platt_stays_finite_where_the_classes_do_not_overlap(self):
        scale, _ = fit_platt(np.array([-2.0, -1, 1, 2]), np.array([0, 0, 1, 1]))
        self.assertLess(scale, 10)

    def test_an_opinion_that_is_worse_than_chance_is_not_heard_and_the_better_of_two_more(self):
        rng = np.random.default_rng(4)
        labels = rng.integers(0, 2, 4000)
        good, fair = (labels * 2 - 1) * 2 + rng.normal(0, 2, 4000), (labels * 2 - 1) + rng.normal(0, 2, 4000)
        (scales, _), alone = fit_opinions(np.stack([good, -fair], axis=1), labels), fit_platt(good, labels)
        self.assertEqual(scales[1], 0)
        self.assertAlmostEqual(scales[0], alone[0], places=6)
        scales, _ = fit_opinions(np.stack([good, fair], axis=1), labels)
        self.assertGreater(scales[0], scales[1])
        self.assertGreater(scales[1], 0)
        both = np.stack([good, fair], axis=1) @ scales
        self.assertGreater(auroc(both, labels), auroc(good, labels))

    def test_a_part_counts_once_and_one_with_both_kinds_of_image_twice(self):
        groups, labels = np.array(["a", "a", "b", "b"]), np.array([0, 0, 0, 1])
        scores, kinds = by_part(np.array([0.1, 0.3, 0.4, 0.9]), labels, groups)
        np.testing.assert_allclose(scores, [0.2, 0.9, 0.4])
        self.assertEqual(list(kinds), [0, 1, 0])

    def test_few_parts_make_a_calibration_error_of_a_model_that_is_right_however_many_images_they_have(self):
        rng = np.random.default_rng(1)
        of_part = rng.random(30)
        few = calibration_error_of_chance(np.repeat(of_part, 20), np.repeat(np.arange(30), 20), rng)
        many = calibration_error_of_chance(np.repeat(of_part, 20), np.arange(600), rng)
        self.assertGreater(few, 0.1)
        self.assertLess(many, 0.05)
        certain = np.repeat([0.0, 1.0], 300)
        self.assertEqual(calibration_error_of_chance(certain, np.arange(600), rng), 0)
        self.assertEqual(calibration_error(certain, certain), 0)

    def test_a_set_without_defects_yields_no_cut(self):
        with self.assertRaisesRegex(SystemExit, "yields no cut"):
            choose_cuts(np.array([0.1, 0.2]), np.array([0, 0]), 0.02, 0.005)

    def test_what_lies_between_the_cuts_goes_to_a_person_where_classes_overlap_and_where_they_are_far_apart(self):
        labels = np.repeat([0, 1], 100)
        overlapping = np.concatenate([np.linspace(0.0, 0.6, 100), np.linspace(0.4, 1.0, 100)])
        cuts = choose_cuts(overlapping, labels, 0.02, 0.005)
        self.assertTrue(0.4 < cuts["pass_below"] < 0.45 and 0.59 < cuts["fail_above"] <= 0.601, cuts)
        apart = np.concatenate([np.linspace(0.0, 0.1, 100), np.linspace(0.9, 1.0, 100)])
        cuts = choose_cuts(apart, labels, 0.02, 0.005)
        self.assertTrue(0.09 < cuts["pass_below"] <= 0.101 and 0.9 <= cuts["fail_above"] < 0.91, cuts)


    def test_a_network_that_says_the_same_of_every_image_is_a_coin(self):
        self.assertEqual(auroc(np.full(10, 0.5), np.repeat([0, 1], 5)), 0.5)
        self.assertEqual(auroc(np.array([0.1, 0.5, 0.5, 0.9]), np.array([0, 0, 1, 1])), 0.875)
        rng = np.random.default_rng(2)
        scores, labels = rng.integers(0, 9, 60), rng.integers(0, 2, 60)
        pairs = np.sign(scores[labels == 1][:, None] - scores[labels == 0][None, :])
        self.assertAlmostEqual(auroc(scores, labels), (pairs.mean() + 1) / 2)

    def test_what_did_not_happen_on_few_parts_is_not_called_impossible_however_many_images_they_have(self):
        labels = np.repeat([0, 1], 100)
        groups = np.array([f"part{i // 10}" for i in range(200)])
        kinds = np.where(labels == 1, "划痕", "good")
        found = measure(labels * 0.8 + 0.1, np.zeros(len(labels), dtype=bool), labels, kinds, groups, {"pass_below": 0.5, "fail_above": 0.5}, np.random.default_rng(0))
        self.assertEqual((found["escape_rate"]["value"], found["escape_rate"]["n"]), (0, 100))
        for name in ("escape_rate", "escape_rate_划痕", "false_reject_rate"):
            self.assertAlmostEqual(found[name]["high"], 0.2775, places=3)
        self.assertAlmostEqual(found["accuracy"]["low"], 0.8389, places=3)
        self.assertEqual(found["auroc"]["high"], 1)
        self.assertLess(found["auroc"]["low"], 0.9)
        # Where no image is wrong nobody knows how much of it is chance.
        self.assertNotIn("calibration_error", found)

    def test_chance_adds_to_a_calibration_error_and_is_taken_off_it(self):
        np.testing.assert_allclose(error_interval(0.1, np.linspace(0.1, 0.3, 101)), (0, 0.195))
        np.testing.assert_allclose(error_interval(0.2, np.linspace(0.15, 0.25, 101)), (0.1525, 0.2475))
        rng, labels = np.random.default_rng(3), np.repeat([0, 1], 100)
        probabilities = np.clip(0.5 + 0.35 * (2 * labels - 1) + rng.normal(0, 0.2, 200), 0, 1)
        groups, kinds = np.array([f"part{i}" for i in range(200)]), np.where(labels == 1, "dent", "good")
        found = measure(probabilities, np.zeros(200, dtype=bool), labels, kinds, groups, {"pass_below": 0.3, "fail_above": 0.7}, rng)["calibration_error"]
        self.assertTrue(0 <= found["low"] < found["value"] < found["high"], found)

    def test_a_picture_of_something_else_is_no_escape_and_goes_to_a_person(self):
        labels, groups, kinds = np.repeat([0, 1], 10), np.array([f"part{i}" for i in range(20)]), np.repeat(["good", "dent"], 10)
        unfamiliar = np.arange(20) % 10 < 4
        found = measure(np.full(20, 0.1), unfamiliar, labels, kinds, groups, {"pass_below": 0.5, "fail_above": 0.5}, np.random.default_rng(0))
        self.assertEqual([found[name]["value"] for name in ("escape_rate", "review_rate_defective", "review_rate_good")], [0.6, 0.4, 0.4])

    def test_the_cut_lies_above_a_good_part_that_scores_just_a_thousandth(self):
        cuts = choose_cuts(np.full(40, 0.5), np.repeat([0, 1], 20), 0.02, 0.005)
        self.assertEqual(cuts, {"pass_below": 0.5, "fail_above": 0.501})


class Lists(unittest.TestCase):
    def test_a_name_with_a_comma_is_read_as_it_was_written(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "test.csv"
            write_rows(file, ["image", "label"], zip(np.array(["ng/a, b.png", 'ok/"c".png', "ok/面.png"]), np.array(["NG", "OK", "OK"])))
            self.assertEqual(file.read_text(encoding="utf-8").splitlines()[0], "image,label")
            with open(file, newline="", encoding="utf-8") as rows:
                self.assertEqual([row["image"] for row in csv.DictReader(rows)], ["ng/a, b.png", 'ok/"c".png', "ok/面.png"])


class Pictures(unittest.TestCase):
    def test_marks_move_with_the_pixels(self):
        images = np.full((64, 64, 64, 1), 20, dtype=np.uint8)
        spots = np.zeros((64, 16, 16), dtype=np.float32)
        images[:, 12:16, 40:44], spots[:, 3, 10] = 250, 1
        pixels, marks = augment(images, spots, np.random.default_rng(1), turns=True)
        moved = 0
        for image, mark in zip(pixels[..., 0].float(), marks.numpy()):
            # Brightest pixel in each cell and its neighbours.
            near = F.max_pool2d(F.max_pool2d(image[None, None], 4), 3, 1, 1)[0, 0].numpy()
            for y, x in np.argwhere(mark):
                self.assertGreater(near[y, x], 120)
            moved += mark.any() and not mark[3, 10]
        self.assertGreater(moved, 40)

    def test_the_form_of_a_batch_stays(self):
        images = np.zeros((3, 40, 24, 3), dtype=np.uint8)
        pixels, marks = augment(images, np.zeros((3, 16, 16), dtype=np.float32), np.random.default_rng(0))
        self.assertEqual((pixels.dtype, tuple(pixels.shape)), (torch.uint8, (3, 40, 24, 3)))
        self.assertEqual(tuple(marks.shape), (3, 16, 16))


class Pasting(unittest.TestCase):
    def made(self, packed, donors):
        good = np.flatnonzero(packed.labels == 0)[:12]
        batch = [each[good] for each in (packed.pixels, packed.spots, packed.labels, packed.kinds, packed.is_marked)]
        return batch, made_defective(*batch, 1.0, donors, np.random.default_rng(0))

    def test_a_defect_is_cut_out_of_the_training_side_and_its_mask_goes_with_it(self):
        packed = drawn(edge=48)
        train = split(packed, 1)["train"]
        donors = Donors(packed, train)
        self.assertEqual(len(donors), len(set(packed.groups[train[packed.labels[train] == 1]])))
        (before, *_), (pixels, spots, labels, kinds, is_marked) = self.made(packed, donors)
        self.assertEqual((set(labels), set(is_marked)), ({1}, {True}))
        real = np.flatnonzero(kinds == 1)
        self.assertTrue(3 < len(real) < 12 and set(kinds) == {1, -100})
        self.assertTrue(spots.any(axis=(1, 2)).all())
        places = set()
        for old, new, marks in zip(before[real], pixels[real], spots[real]):
            y, x = np.unravel_index(new[..., 0].argmax(), new.shape[:2])
            self.assertGreater(new[y, x, 0], 180)
            self.assertTrue(marks[max(0, y // 3 - 1) : y // 3 + 2, max(0, x // 3 - 1) : x // 3 + 2].any())
            # Far from the defect nothing has changed.
            self.assertGreater((new == old).mean(), 0.7)
            places.add((y, x))
        self.assertGreater(len(places), 3)

    def test_without_masks_a_defect_is_drawn_and_of_no_kind(self):
        packed = drawn(edge=48)
        packed.spots[:] = 0
        (before, *_), (pixels, spots, labels, kinds, is_marked) = self.made(packed, Donors(packed, np.arange(len(packed.labels))))
        made = labels == 1
        self.assertGreater(made.sum(), 8)
        self.assertEqual((set(kinds[made]), set(is_marked[made])), ({-100}, {True}))
        self.assertTrue(all(marks.any() for marks in spots[made]))
        self.assertTrue((pixels[made] != before[made]).any(axis=(1, 2, 3)).all())
        self.assertTrue((pixels[~made] == before[~made]).all())

    def test_what_touches_an_edge_stays_there(self):
        packed = drawn(edge=48)
        packed.spots[:] = 0
        packed.spots[packed.labels == 1, :2, 7] = 1
        _, (_, spots, _, kinds, _) = self.made(packed, Donors(packed, np.arange(len(packed.labels))))
        spots = spots[kinds == 1]
        self.assertTrue((spots[:, 0].any(axis=1) | spots[:, -1].any(axis=1)).all())
        self.assertGreater(len({tuple(marks.any(axis=0)) for marks in spots}), 3)


class Settings(unittest.TestCase):
    def settled(self, packed, **given):
        names = ("small_stem", "per_part", "members", "made", "light", "average_mirrors", "precision", "init", "rate", "epochs", "known")
        args = SimpleNamespace(**{**dict.fromkeys(names), "mirrors": True, "architecture": "resnet18", "width": 0.25, "batch": 32, **given})
        text = settle(args, packed, CPU)
        return args, text

    def test_few_parts_make_several_networks_and_many_make_one(self):
        args, text = self.settled(drawn())
        self.assertEqual((args.members, args.made, args.small_stem, args.light, args.average_mirrors), (3, 0.5, True, "changing", True))
        self.assertIn("members 3", text)
        args, _ = self.settled(drawn(parts=240, each=2))
        self.assertEqual((args.members, args.made, args.per_part), (1, 0.0, 0))

    def test_a_part_photographed_often_is_held_back_and_what_is_said_stays(self):
        args, text = self.settled(drawn(parts=8, each=40, edge=64), members=1)
        self.assertEqual((args.per_part, args.small_stem, args.average_mirrors, args.members), (12, False, False, 1))
        self.assertNotIn("members", text)
        self.assertFalse(self.settled(drawn(), mirrors=False)[0].average_mirrors)

    def test_it_starts_from_drawn_images_where_their_weights_fit_and_then_learns_slower(self):
        large = drawn(parts=8, each=2, edge=64)
        args, text = self.settled(large)
        self.assertEqual((args.init, args.rate, args.epochs, args.known), (DRAWN, RATE_FROM_WEIGHTS, 60, True))
        many, _ = self.settled(drawn(parts=480, each=8, edge=64))
        self.assertEqual((many.init, many.epochs, many.known), (DRAWN, 9, False))
        self.assertIn("init drawn.weights.pt", text)
        self.assertNotIn("/", text)
        for packed, given in ((drawn(), {}), (large, {"width": 0.5}), (large, {"architecture": "vgg11"}), (large, {"init": SCRATCH})):
            args, _ = self.settled(packed, **given)
            self.assertEqual((args.init, args.rate, args.epochs, args.known), (SCRATCH, RATE_FROM_SCRATCH, 40, True))

    def test_what_drawn_images_taught_is_there_and_fits(self):
        architecture, width = DRAWN_NETWORK
        net = build(architecture, 3, width)
        self.assertIn("starts from", start_from(net, DRAWN))

    def test_a_level_that_tells_good_from_defective_is_left_as_it_is(self):
        packed = drawn(parts=240, each=1)
        packed.pixels[packed.labels == 1] += 20
        self.assertEqual(self.settled(packed)[0].light, "steady")


class Runs(unittest.TestCase):
    def fitted(self, file, settings=None, key="k", stream=None, stop_after=None):
        packed = drawn()
        torch.manual_seed(7)
        net = build("resnet18", 1, 0.125, small_stem=True, dropout=0.0)
        progress = Progress(3, stream or io.StringIO())
        if stop_after is not None:
            told = []
            progress.line = lambda text: (told.append(text), len(told) == stop_after and (_ for _ in ()).throw(KeyboardInterrupt))
        folds = split(packed, 1)
        rng = np.random.default_rng(3)
        return fit(net, packed, folds, settings or plan(), CPU, rng, file, key, progress)

    def test_a_run_that_was_cut_ends_as_if_it_had_not_been(self):
        with tempfile.TemporaryDirectory() as folder:
            whole, cost = self.fitted(pathlib.Path(folder) / "whole.pt")
            cut = pathlib.Path(folder) / "cut.pt"
            with self.assertRaises(KeyboardInterrupt):
                self.fitted(cut, stop_after=1)
            resumed, _ = self.fitted(cut)
            self.assertEqual(cost["epochs"], 3)
            for name, value in whole.state_dict().items():
                self.assertTrue(torch.equal(value, resumed.state_dict()[name]), name)
            with self.assertRaisesRegex(SystemExit, "is of another run"):
                self.fitted(cut, key="other")

    def test_it_stops_where_validation_gains_no_more(self):
        with tempfile.TemporaryDirectory() as folder:
            _, cost = self.fitted(pathlib.Path(folder) / "a.pt", plan(epochs=50, patience=2, rate=1e-9))
            self.assertLess(cost["epochs"], 50)

    def test_it_learns_and_a_terminal_sees_a_bar(self):
        stream = io.StringIO()
        stream.isatty = lambda: True
        with tempfile.TemporaryDirectory() as folder:
            net, _ = self.fitted(pathlib.Path(folder) / "a.pt", plan(epochs=12, rate=1e-2), stream=stream)
        packed = drawn(parts=20, seed=5)
        with torch.no_grad():
            logits, spots, *_ = net.all(torch.from_numpy(packed.pixels))
        self.assertGreater(auroc(logits[:, 0].numpy(), packed.labels), 0.9)
        # The map marks the spot: it is hotter where masks of images never seen say so.
        where = F.adaptive_max_pool2d(torch.from_numpy(packed.spots).unsqueeze(1), spots.shape[1:])[:, 0] > 0
        self.assertGreater(auroc(spots.flatten().numpy(), where.flatten().numpy().astype(int)), 0.9)
        self.assertIn("[###", stream.getvalue())

    def test_networks_and_mirrored_views_are_averaged_and_kinds_are_for_training_only(self):
        packed = drawn()
        nets = [build("resnet18", 1, 0.125, small_stem=True, kinds=3).eval() for _ in range(2)]
        net = Together(nets, mirrors=True)
        image = torch.from_numpy(packed.pixels[:4])
        with torch.no_grad():
            logit, spots, *_ = net.all(image)
            turned, again, *_ = net.all(torch.flip(image, (1,)))
        torch.testing.assert_close(logit, turned)
        torch.testing.assert_close(spots, torch.flip(again, (1,)))
        with torch.no_grad():
            both = Together(nets)(image)
            torch.testing.assert_close(both, (nets[0](image) + nets[1](image)) / 2)
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "model.onnx"
            export(Together(nets, mirrors=True, familiar=Familiar()), packed.pixels.shape[1:], file)
            self.assertNotIn(b"kinds", file.read_bytes())
            self.assertIn(b"unfamiliarity", file.read_bytes())

    def test_what_is_known_already_is_one_more_opinion_and_stays_as_it_was(self):
        packed, slow, seen, told = seen_by_backbone()
        known = copy.deepcopy(slow)
        self.assertEqual((len(seen), told[-1]), (len(packed.pixels), (len(packed.pixels), len(packed.pixels))))
        known.scaled_to(seen)
        learned, held = (np.flatnonzero((np.arange(len(packed.labels)) // 2 % 3 == 0) == side) for side in (False, True))
        weight, bias = fit_logistic(known.scaled(seen[learned]), packed.labels[learned], np.ones(len(learned)))
        logits = known.scaled(seen[held]) @ weight + bias
        self.assertGreater(auroc(logits, packed.labels[held]), 0.9)
        torch.testing.assert_close(known.embedding.state_dict(), shipped().state_dict())
        known.weight[:], known.bias[:] = torch.from_numpy(weight), bias
        nets = [build("resnet18", 1, 0.125) for _ in range(2)]
        both, alone = Together(nets, known=known).eval(), Together(nets).eval()
        both.weigh[:] = torch.tensor([0.25, 0.75])
        images = torch.from_numpy(packed.pixels[held[:8]])
        with torch.no_grad():
            torch.testing.assert_close(known(images)[:, 0].double().numpy(), logits[:8], rtol=1e-3, atol=1e-3)
            torch.testing.assert_close(both(images), alone(images) / 4 + 3 * known(images) / 4)
            torch.testing.assert_close(both.all(images)[1], alone.all(images)[1])

    def test_a_picture_of_something_else_is_doubted_and_one_of_the_same_is_not(self):
        packed, slow, by_backbone, _ = seen_by_backbone()
        learned, held = (np.flatnonzero((np.arange(len(packed.labels)) // 2 % 3 == 0) == side) for side in (False, True))
        some = learned[::8]
        black, noise = np.zeros_like(packed.pixels[:1]), np.random.default_rng(0).integers(0, 256, packed.pixels[:1].shape, dtype=np.uint8)
        by_filters = Familiar().all_seen(packed.pixels, CPU, lambda *about: None)
        for name, doubt, seen in (("known", copy.deepcopy(slow), by_backbone), ("familiar", Familiar(), by_filters)):
            doubt.scaled_to(seen[learned])
            distances = doubt.distances(seen[learned], seen[learned])
            self.assertAlmostEqual(distances.mean(), 1, delta=0.05)
            with torch.no_grad():
                served = doubt.distance(doubt.standardised(doubt.seen(torch.from_numpy(packed.pixels[some]))))[:, 0]
            torch.testing.assert_close(served.double().numpy(), distances[::8], rtol=1e-3, atol=1e-3)
            doubt.limited_to(doubt.distances(seen[held], seen[learned]))
            both = Together([build("resnet18", 1, 0.125)], **{name: doubt}).eval()
            with torch.no_grad():
                strangers, same = (both.all(torch.from_numpy(each))[3][:, 0].tolist() for each in (np.concatenate([black, noise]), packed.pixels[held[:8]]))
            self.assertEqual(strangers, [1, 1], name)
            self.assertLess(max(same), UNFAMILIAR, name)
            self.assertFalse(doubt.unfamiliar(seen[held]).any(), name)

    def test_the_backbone_is_shown_images_as_teach_shows_them(self):
        self.assertEqual([scaled_size(*size, EDGE, LEAST, STEP) for size in ((304, 304), (224, 184), (24, 40), (640, 8))], [(256, 256), (256, 208), (160, 256), (256, 64)])

    def test_each_network_runs_and_another_name_is_refused(self):
        for name in ("resnet18", "resnet34", "resnet50", "vgg11", "vgg13", "vgg16"):
            net = build(name, 3, 0.125).eval()
            logits, spots, _ = net.all(torch.zeros(2, 64, 48, 3, dtype=torch.uint8))
            # A cell of the map is no more than eight pixels wide: a small defect has one of its own.
            self.assertEqual(tuple(logits.shape), (2, 1))
            self.assertGreaterEqual(spots.shape[1] * 8, 64)

    def test_each_image_by_its_own_light_is_not_moved_by_an_exposure(self):
        torch.manual_seed(0)
        net = build("resnet18", 1, 0.125, small_stem=True, own_light=True).eval()
        image = torch.from_numpy(drawn().pixels[:4] // 2)
        with torch.no_grad():
            torch.testing.assert_close(net(image), net(image + 60), rtol=1e-4, atol=1e-4)

    def test_another_name_is_refused(self):
        for name in ("resnet19", "vgg", "mobilenet2"):
            with self.assertRaisesRegex(SystemExit, "expected resnet18/34/50"):
                build(name, 3)


class Reference(nn.Module):
    """A ResNet with torchvision's names and order, to compare with."""

    class Block(nn.Module):
        def __init__(self, c_in, c, stride):
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(c_in, c, 3, stride, 1, bias=False), nn.BatchNorm2d(c)
            self.conv2, self.bn2 = nn.Conv2d(c, c, 3, 1, 1, bias=False), nn.BatchNorm2d(c)
            self.downsample = None
            if stride != 1 or c_in != c:
                self.downsample = nn.Sequential(nn.Conv2d(c_in, c, 1, stride, bias=False), nn.BatchNorm2d(c))

        def forward(self, x):
            skip = x if self.downsample is None else self.downsample(x)
            return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + skip)

    def __init__(self, base=4):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, base, 7, 2, 3, bias=False), nn.BatchNorm2d(base)
        c = base
        for k in range(4):
            wide = base * 2**k
            blocks = [self.Block(c, wide, 1 if k == 0 else 2), self.Block(wide, wide, 1)]
            setattr(self, f"layer{k + 1}", nn.Sequential(*blocks))
            c = wide
        self.fc = nn.Linear(c, 1000)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


def reference():
    torch.manual_seed(0)
    net = Reference()
    for name, value in net.state_dict().items():
        if "running" in name:
            value.uniform_(0.5, 1.5)
    return net.eval()


def save_safetensors(state, file):
    header, body = {"__metadata__": {"format": "pt"}}, b""
    for name, value in state.items():
        data = value.numpy().tobytes()
        kind = {torch.float32: "F32", torch.int64: "I64"}[value.dtype]
        header[name] = {"dtype": kind, "shape": list(value.shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + body)


class Golden(unittest.TestCase):
    def test_one_image_is_taken_once_and_a_class_without_a_usual_one_is_left_out(self):
        labels, strange = np.array([0, 1, 1, 1, 1]), np.array([False, False, False, True, False])
        scores = np.array([0.1, 0.9, 0.7, 0.8, 0.6])
        self.assertEqual(choose_golden(scores, labels, strange), [0, 4, 2, 1])
        self.assertEqual(choose_golden(scores, labels, strange | (labels == 0)), [4, 2, 1])
        with self.assertRaisesRegex(SystemExit, "there is none to prove an engine by"):
            choose_golden(scores, labels, np.ones(5, dtype=bool))


class Beginnings(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = pathlib.Path(folder.name) / "resnet18.pth"

    def test_downloaded_weights_give_what_they_gave_where_they_came_from(self):
        theirs = reference()
        safe = self.file.with_suffix(".safetensors")
        torch.save({"state_dict": {f"module.{k}": v for k, v in theirs.state_dict().items()}}, self.file)
        save_safetensors(theirs.state_dict(), safe)
        x = torch.randn(2, 3, 64, 64)
        for file in (self.file, safe):
            ours = build("resnet18", 3, 4 / 64)
            text = start_from(ours, file)
            self.assertIn("not taken: fc.bias, fc.weight", text)
            ours.eval()
            with torch.no_grad():
                torch.testing.assert_close(ours.far(ours.near(x)), theirs(x))

    def test_a_grey_stem_gives_a_grey_image_what_three_equal_channels_gave(self):
        theirs = reference()
        torch.save(theirs.state_dict(), self.file)
        ours = build("resnet18", 1, 4 / 64)
        start_from(ours, self.file)
        ours.eval()
        x = torch.randn(2, 1, 64, 64)
        with torch.no_grad():
            torch.testing.assert_close(ours.far(ours.near(x)), theirs(x.repeat(1, 3, 1, 1)), rtol=1e-4, atol=1e-4)

    def test_a_small_stem_takes_the_middle_of_the_large_one(self):
        theirs = reference()
        torch.save(theirs.state_dict(), self.file)
        ours = build("resnet18", 3, 4 / 64, small_stem=True)
        start_from(ours, self.file)
        middle, kept = theirs.conv1.weight[:, :, 2:5, 2:5], ours.near[0][0].weight
        ratio = kept / middle
        torch.testing.assert_close(ratio, ratio[:, :1, :1, :1].expand_as(ratio), rtol=1e-4, atol=1e-4)
        energy = lambda weight: weight.pow(2).sum(dim=(1, 2, 3))
        torch.testing.assert_close(energy(kept), energy(theirs.conv1.weight))
        torch.testing.assert_close(ours.far[1].body[0][0].weight, theirs.layer4[1].conv1.weight)

    def test_what_does_not_fit_is_refused_and_named(self):
        net = build("resnet18", 3, 4 / 64)
        with self.assertRaisesRegex(SystemExit, "there is no such file"):
            start_from(net, self.file)
        self.file.write_bytes(b"no weights")
        with self.assertRaisesRegex(SystemExit, "expected a PyTorch state dict"):
            start_from(net, self.file)
        torch.save({"epoch": 3}, self.file)
        with self.assertRaisesRegex(SystemExit, "expected a state dict of names and tensors"):
            start_from(net, self.file)
        torch.save(Reference(8).state_dict(), self.file)
        with self.assertRaisesRegex(SystemExit, "near.0.0.weight is .8, 3, 7, 7., the network has .4, 3, 7, 7."):
            start_from(net, self.file)
        torch.save({k: v for k, v in reference().state_dict().items() if "layer4" not in k}, self.file)
        with self.assertRaisesRegex(SystemExit, "are missing, as far.0"):
            start_from(net, self.file)
        safe = self.file.with_suffix(".safetensors")
        safe.write_bytes(struct.pack("<Q", 1 << 40))
        with self.assertRaisesRegex(SystemExit, "expected a header"):
            start_from(net, safe)

    def test_what_a_run_of_this_recipe_left_is_taken_whole(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "run.pt"
            packed = drawn()
            net = build("resnet18", 1, 0.125, small_stem=True)
            folds = split(packed, 1)
            fitted, _ = fit(net, packed, folds, plan(epochs=1), CPU, np.random.default_rng(0), file, "k", Progress(1, io.StringIO()))
            again = build("resnet18", 1, 0.125, small_stem=True)
            start_from(again, weights_file(file))
            torch.testing.assert_close(again.far.state_dict(), fitted.far.state_dict())


if __name__ == "__main__":
    unittest.main()
