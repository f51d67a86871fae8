"""The loss of turned faces: zero where all is right, deaf to what is unknown; angles against SciPy."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from facetrack import topology_maps
from facetrain.models.landmarks import TURNED, LandmarkNet, LandmarkNetOptions, RotationFrom6d
from facetrain.training.turned_losses import TurnedLoss, angle_difference, euler

TINY = LandmarkNetOptions(input_px=32, stem=4, widths=(4, 4, 8), depths=(1, 1, 1), head=4)


def rotations(count, seed=0):
    return torch.tensor(Rotation.random(count, random_state=seed).as_matrix(), dtype=torch.float32)


def batch_of(count=4):
    rng = np.random.default_rng(0)
    points = torch.tensor(rng.uniform(10, 100, (count, 68, 2)), dtype=torch.float32)
    hand = torch.einsum("mk,nkd->nmd", torch.from_numpy(topology_maps.aflw_from_68()), points)
    hand[:, list(topology_maps.AFLW_EARS)] = 500.0
    rotation = rotations(count)
    batch = {
        "points": points,
        "weight": torch.ones(count, 68),
        "hand": hand,
        "visible": torch.ones(count, 68),
        "rotation": rotation,
        "rotation_weight": torch.ones(count),
        "presence": torch.ones(count),
    }
    outputs = {
        "points": points.clone(),
        "sigma": torch.ones(count, 68),
        "presence": torch.full((count,), 20.0),
        "visibility": torch.full((count, 68), 20.0),
        "rotation": rotation.clone(),
        "rotation_sigma": torch.ones(count, 3),
    }
    return outputs, batch


def test_six_numbers_give_rotations():
    matrices = RotationFrom6d()(torch.randn(20, 6))
    eye = torch.eye(3).expand(20, 3, 3)
    torch.testing.assert_close(matrices @ matrices.transpose(1, 2), eye, atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(matrices), torch.ones(20))
    known = rotations(5)
    columns = torch.cat([known[:, :, 0], known[:, :, 1]], dim=1)
    torch.testing.assert_close(RotationFrom6d()(columns), known, atol=1e-5, rtol=0)


def test_angles_are_those_of_the_field():
    angles = np.array([[30.0, -10.0, 5.0], [-85.0, 20.0, -40.0]])
    # types.Pose: roll about the face's direction first, then pitch, then yaw; yaw and pitch left-handed
    matrices = Rotation.from_euler("YXZ", angles * [-1, -1, 1], degrees=True).as_matrix()
    np.testing.assert_allclose(euler(torch.tensor(matrices)).numpy(), angles, atol=1e-6)


def test_differences_of_angles_wrap():
    a = torch.tensor(Rotation.from_euler("Z", [[179.0]], degrees=True).as_matrix())
    b = torch.tensor(Rotation.from_euler("Z", [[-179.0]], degrees=True).as_matrix())
    np.testing.assert_allclose(angle_difference(a, b)[0].numpy(), [0, 0, -2], atol=1e-6)


def test_right_predictions_cost_nothing_and_ears_are_not_asked_for():
    outputs, batch = batch_of()
    terms = TurnedLoss()(outputs, batch)
    assert float(terms["points"]) == pytest.approx(0, abs=1e-4)
    assert float(terms["visibility"]) == pytest.approx(0, abs=1e-4)
    assert float(terms["rotation"]) < 0.01


def test_a_turn_by_ten_degrees_costs_one():
    outputs, batch = batch_of()
    turn = torch.tensor(Rotation.from_euler("Y", 10, degrees=True).as_matrix(), dtype=torch.float32)
    outputs["rotation"] = turn @ outputs["rotation"]
    assert float(TurnedLoss()(outputs, batch)["rotation"]) == pytest.approx(1, abs=0.01)


def test_what_is_unknown_has_no_gradient():
    outputs, batch = batch_of()
    batch["visible"][:] = float("nan")
    batch["hand"][:] = float("nan")
    batch["weight"][:] = 0
    batch["rotation_weight"][:] = 0
    leaves = {name: value.requires_grad_() for name, value in outputs.items()}
    leaves["points"].data += 5
    TurnedLoss()(leaves, batch)["total"].backward()
    for name in ("points", "visibility", "rotation"):
        assert leaves[name].grad is not None
        assert torch.isfinite(leaves[name].grad).all()
        assert float(leaves[name].grad.abs().max()) == 0


def test_a_hand_point_pulls_on_the_points_that_it_is_made_of():
    outputs, batch = batch_of(1)
    batch["weight"][:] = 0
    batch["hand"][:, 1:] = float("nan")
    batch["hand"][:, 0, 0] += 9
    points = outputs["points"].requires_grad_()
    TurnedLoss()(outputs, batch)["points"].backward()
    assert points.grad is not None
    moved = points.grad[0].abs().sum(dim=1).nonzero().flatten().tolist()
    assert moved == [17, 18, 36]


def test_the_heads_read_the_points_and_do_not_move_them():
    torch.manual_seed(0)
    model = LandmarkNet(dataclasses.replace(TINY, turned=True))
    names = set(model.state_dict()) - set(LandmarkNet(TINY).state_dict())
    assert all(name.startswith(TURNED) for name in names)
    crops = torch.randint(0, 255, (3, 32, 32, 3), dtype=torch.uint8)
    outputs = model(crops)
    outputs["visibility"].sum().backward()
    assert model.heatmaps.weight.grad is None
    assert outputs["rotation"].shape == (3, 3, 3)
    assert (outputs["rotation_sigma"] > 0).all()
