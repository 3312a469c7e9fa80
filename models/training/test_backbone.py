"""python3 -m unittest test_backbone -- what the drawn images and the networks of `loupe teach` promise. A few seconds."""

import pathlib
import tempfile
import unittest
from unittest import mock

import torch

import procedural
import train_backbone
from backbone_embedding import WEIGHTS, Embedding, standing_out
from backbone_network import DrawnNetwork, InfraredNetwork, by_its_own_light
from recipe.networks import build
from recipe.weights import start_from

SOURCE = procedural.Source(stored=50)


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


def task_of(kind, *args):
    """A task with few drawn parts: drawing as many as training does takes a minute."""
    with mock.patch.object(procedural, "Source", lambda: SOURCE):
        return kind(*args, 8, True)


class Training(unittest.TestCase):
    def learns(self, task):
        optimizer = torch.optim.AdamW(task.net.train().parameters(), lr=2e-3)
        losses = []
        for _ in range(16):
            loss = task.loss()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        self.assertLess(sum(losses[-4:]), sum(losses[:4]))

    def test_learns_from_a_few_batches(self):
        torch.manual_seed(2)
        self.learns(task_of(train_backbone.Drawn))

    def test_the_recipe_starts_from_what_drawn_images_taught(self):
        torch.manual_seed(2)
        task = task_of(train_backbone.Start, 0.125)
        self.learns(task)
        self.assertRegex(task.figures(task.net.eval()), "by the place 0[.]")
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "drawn.weights.pt"
            torch.save(task.net.state_dict(), file)
            net = build("resnet18", 3, 0.125, kinds=2)
            self.assertIn("not taken: kinds.1.bias, kinds.1.weight, ", start_from(net, file))
            torch.testing.assert_close(net.spots.weight, task.net.spots.weight)
        image = torch.randint(0, 255, (2, 64, 64, 1), dtype=torch.uint8)
        net.own_light, colour = True, image.expand(-1, -1, -1, 3)
        with torch.no_grad():
            torch.testing.assert_close(net.eval()(colour), task.net.eval()(image), rtol=1e-3, atol=1e-3)

    def test_a_coarser_cell_is_defective_where_any_of_it_is_and_else_unsure_where_any_is(self):
        cells = torch.tensor([[1.0, 0, -1, 0], [-1, 0, 0, 0]]).view(1, 1, 2, 4)
        self.assertEqual(train_backbone.coarser(cells, (1, 2)).flatten().tolist(), [1, -1])
        logits = torch.tensor([0.0, 5.0])
        passed_over = train_backbone.known_loss(logits, torch.tensor([1.0, -1.0]))
        self.assertAlmostEqual(passed_over.item(), 0.6931 / 2, places=3)

    def test_a_fifth_of_the_infrared_images_is_held_out_by_name(self):
        held = sum(train_backbone.is_held_out(f"ok/{k}.jpg") for k in range(5000))
        self.assertAlmostEqual(held / 5000, 0.2, delta=0.03)


class Graph(unittest.TestCase):
    def test_gives_every_block_and_patches_at_two_sizes(self):
        torch.manual_seed(3)
        embedding = Embedding(DrawnNetwork().state_dict(), InfraredNetwork(12).state_dict()).eval()
        with torch.no_grad():
            embedding.fit_patches(procedural.photographed(procedural.parts(4, procedural.SIZE)))
            found = dict(zip(Embedding.OUTPUTS, embedding(torch.randint(0, 255, (2, 80, 96, 3), dtype=torch.uint8))))
        self.assertEqual(found["patches_8"].shape, (2, 10 * 12, 64))
        self.assertEqual(found["patches_16"].shape, (2, 5 * 6, 64))
        self.assertTrue(all(bool(torch.isfinite(each).all()) for each in found.values()))

    def test_the_weights_of_the_recipe_are_those_of_the_graph_that_ships(self):
        states = torch.load(WEIGHTS, map_location="cpu", weights_only=True)
        graph = (WEIGHTS.parents[1] / "backbone" / "model.onnx").read_bytes()
        for network, name in (("drawn", "kinds.weight"), ("drawn", "from_four.weight"), ("infrared", "classes.weight")):
            self.assertIn(states[network][name].numpy().tobytes(), graph, name)

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
