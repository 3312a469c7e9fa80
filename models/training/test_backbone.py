"""python3 -m unittest test_backbone -- what the drawn images and the networks of `loupe teach` promise. A few seconds."""

import unittest

import torch

import procedural
import train_backbone
from backbone_network import DrawnNetwork, InfraredNetwork, by_its_own_light
from export_backbone import Embedding, standing_out


class DrawnImages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        torch.manual_seed(1)
        torch.set_num_threads(1)
        cls.images, cls.cells = procedural.Source(stored=50).batch(32)

    def test_come_in_pairs_of_which_one_is_good(self):
        self.assertEqual(self.images.shape, (32, procedural.SIZE, procedural.SIZE, 3))
        self.assertEqual(self.images.dtype, torch.uint8)
        edge = procedural.SIZE // procedural.CELL
        self.assertEqual(self.cells.shape, (32, len(procedural.KINDS), edge, edge))
        self.assertTrue(bool((self.cells[:16] == 0).all()))
        defective = (self.cells[16:] == 1).flatten(1).any(dim=1)
        self.assertGreater(int(defective.sum()), 10)
        self.assertEqual(set(self.cells.unique().tolist()) - {-1.0, 0.0, 1.0}, set())

    def test_a_cell_that_is_unsure_for_one_kind_and_defective_for_another_is_defective(self):
        cells = torch.tensor([-1.0, 1.0, 0.0]).view(1, 3, 1, 1)
        self.assertEqual(train_backbone.anything(cells).item(), 1)
        self.assertEqual(train_backbone.anything(cells[:, ::2]).item(), -1)
        self.assertEqual(train_backbone.anything(cells[:, 2:]).item(), 0)


class Training(unittest.TestCase):
    def test_learns_from_a_few_batches(self):
        torch.manual_seed(2)
        task = train_backbone.Drawn.__new__(train_backbone.Drawn)
        task.net, task.precise = DrawnNetwork().train(), True
        source = procedural.Source(stored=50)
        task.cache = train_backbone.Cache(source, 8)
        optimizer = torch.optim.AdamW(task.net.parameters(), lr=2e-3)
        losses = []
        for _ in range(16):
            loss = task.loss()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        self.assertLess(sum(losses[-4:]), sum(losses[:4]))

    def test_a_fifth_of_the_infrared_images_is_held_out_by_name(self):
        held = sum(train_backbone.is_held_out(f"ok/{k}.jpg") for k in range(5000))
        self.assertAlmostEqual(held / 5000, 0.2, delta=0.03)


class Graph(unittest.TestCase):
    def test_gives_every_block_and_patches_at_two_sizes(self):
        torch.manual_seed(3)
        embedding = Embedding(DrawnNetwork().eval(), InfraredNetwork(12).eval()).eval()
        with torch.no_grad():
            embedding.fit_patches(procedural.photographed(procedural.parts(4, procedural.SIZE)))
            found = dict(zip(Embedding.OUTPUTS, embedding(torch.randint(0, 255, (2, 80, 96, 3), dtype=torch.uint8))))
        self.assertEqual(found["patches_8"].shape, (2, 10 * 12, 64))
        self.assertEqual(found["patches_16"].shape, (2, 5 * 6, 64))
        self.assertTrue(all(bool(torch.isfinite(each).all()) for each in found.values()))

    def test_an_exposure_changes_little_and_one_strong_cell_shows(self):
        x = torch.rand(1, 3, 64, 64) * 120
        self.assertLess((by_its_own_light(x) - by_its_own_light(2 * x)).abs().max().item(), 0.3)
        logits = torch.zeros(1, 1, 16, 16)
        logits[0, 0, 3, 4] = 8
        found = standing_out(logits)[0]
        self.assertEqual(found[0].item(), 8)
        self.assertAlmostEqual(found[-1].item(), 8 / 256, places=5)


if __name__ == "__main__":
    unittest.main()
