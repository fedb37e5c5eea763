"""Average precision: by hand on small cases, and equal to COCO's own program."""

import contextlib
import io

import pytest
import torch

from d2lutils import boxes

CORNERS = torch.tensor([[0.0, 0, 10, 10], [20, 0, 30, 10]])


def found(*rows: tuple[list[float], int, float]) -> boxes.Detections:
    corners, labels, scores = zip(*rows, strict=True) if rows else ((), (), ())
    return boxes.Detections(
        torch.tensor(corners).reshape(-1, 4),
        torch.tensor(labels, dtype=torch.int64),
        torch.tensor(scores),
    )


def test_a_true_box_is_found_once():
    twice = CORNERS[[0, 0, 1]]
    assert boxes.hits(twice, CORNERS).tolist() == [True, False, True]


def test_a_box_that_is_taken_leaves_the_next_best():
    # the surer one takes the box on the left, though the second fits it better
    true = torch.tensor([[0.0, 0, 10, 10], [0, 2, 10, 12]])
    two = torch.tensor([[0.0, 0.4, 10, 10.4], [0, 0, 10, 10]])
    assert boxes.hits(two, true).tolist() == [True, True]
    assert boxes.hits(two, true, 0.9).tolist() == [True, False]


def test_nothing_found_and_nothing_there():
    none = torch.zeros(0, 4)
    assert boxes.hits(none, CORNERS).shape == (0,)
    assert boxes.hits(CORNERS, none).tolist() == [False, False]
    labels = torch.zeros(2, dtype=torch.int64)
    precision = boxes.average_precision([found()], [CORNERS], [labels], 2)
    assert precision[0] == 0
    assert precision[1].isnan()


def test_precision_is_interpolated():
    right = torch.tensor([True, False, True])
    expected = torch.full((101,), 2 / 3, dtype=torch.float64)
    expected[:26] = 1  # recalls up to 1/4
    expected[51:] = 0  # recalls above 2/4
    assert torch.allclose(boxes.precisions(right, 4), expected)


def test_the_numbers_of_images_agree():
    with pytest.raises(ValueError, match="zip"):
        boxes.average_precision([found()], [CORNERS] * 2, [torch.zeros(2)] * 2, 1)


def scene(generator: torch.Generator) -> tuple[boxes.Detections, torch.Tensor, ...]:
    """Draw true boxes, and detections near them and elsewhere."""

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(*shape, generator=generator)

    number = int(torch.randint(0, 9, (), generator=generator))
    true = torch.cat([uniform(0, 100, number, 2), uniform(5, 40, number, 2)], dim=1)
    labels = torch.randint(0, 3, (number,), generator=generator)
    chosen = torch.randint(0, max(number, 1), (3 * number,), generator=generator)
    near = true[chosen] + uniform(-5, 5, 3 * number, 4)
    near[:, 2:].clamp_(min=2)
    elsewhere = torch.cat([uniform(0, 100, 4, 2), uniform(5, 40, 4, 2)], dim=1)
    corners = torch.cat([near, elsewhere])
    kinds = torch.cat([labels[chosen], torch.arange(4) % 3])
    kinds = torch.where(uniform(0, 1, len(kinds)) < 0.2, kinds.roll(1), kinds)
    scores = uniform(0, 1, len(corners)).mul(50).round().div(50)  # some are equal
    order = scores.argsort(descending=True, stable=True)
    corners, true = (boxes.to_corners(to_centers(b)) for b in (corners, true))
    return boxes.Detections(corners[order], kinds[order], scores[order]), true, labels


def to_centers(b: torch.Tensor) -> torch.Tensor:
    """Take left, top, width, height."""
    return torch.cat([b[:, :2] + b[:, 2:] / 2, b[:, 2:]], dim=1)


def coco(scenes: list[tuple], num_classes: int) -> torch.Tensor:
    """Return what COCO's program says, (thresholds, classes)."""
    pytest.importorskip("pycocotools")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def entries(corners, labels, image):
        low, high = corners[:, :2].double(), corners[:, 2:].double()
        for box, label in zip(
            torch.cat([low, high - low], dim=1).tolist(), labels.tolist(), strict=True
        ):
            area = box[2] * box[3]
            yield {"image_id": image, "category_id": label, "bbox": box, "area": area}

    truth, results = [], []
    for image, (detections, corners, labels) in enumerate(scenes):
        truth += entries(corners, labels, image)
        lines = entries(detections.boxes, detections.labels, image)
        for line, score in zip(lines, detections.scores.tolist(), strict=True):
            results.append({**line, "score": score})
    for number, line in enumerate(truth, start=1):
        line.update(id=number, iscrowd=0)
    with contextlib.redirect_stdout(io.StringIO()):
        reference = COCO()
        reference.dataset = {
            "info": {},
            "images": [{"id": image} for image in range(len(scenes))],
            "categories": [{"id": label} for label in range(num_classes)],
            "annotations": truth,
        }
        reference.createIndex()
        program = COCOeval(reference, reference.loadRes(results), "bbox")
        program.evaluate()
        program.accumulate()
    return torch.from_numpy(program.eval["precision"][:, :, :, 0, -1]).mean(dim=1)


@pytest.mark.parametrize("seed", range(5))
def test_equal_to_coco(seed):
    generator = torch.Generator().manual_seed(seed)
    scenes = [scene(generator) for _ in range(12)]
    detections, corners, labels = zip(*scenes, strict=True)
    expected = coco(scenes, 3)
    assert (expected[0] > 0.1).all(), "something is found"
    for threshold, row in zip(torch.arange(10) * 0.05 + 0.5, expected, strict=True):
        ours = boxes.average_precision(detections, corners, labels, 3, float(threshold))
        assert torch.allclose(ours, row, atol=1e-9)
