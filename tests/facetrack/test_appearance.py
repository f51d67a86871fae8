"""Appearance embeddings: gallery of one person, similarity, and the network's input."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from facetrack.appearance import Appearance, EmbeddingGallery
from facetrack.errors import ModelFileError
from staged import actor, alike


def unit(index):
    return alike(1.0, index, 15)


def test_the_first_embedding_stays_and_the_oldest_other_goes():
    gallery = EmbeddingGallery()
    for index in range(10):
        gallery.add(unit(index))
    assert len(gallery) == EmbeddingGallery.MAX_EMBEDDINGS + 1
    kept = [index for index in range(10) if gallery.similarity(unit(index)) == pytest.approx(1)]
    assert kept == [0, 4, 5, 6, 7, 8, 9]


def test_views_from_the_side_stay_beside_the_frontal_ones():
    gallery = EmbeddingGallery()
    for index, yaw_deg in enumerate((0, 70, 75, 80, -70, 0, 0)):
        gallery.add(unit(index), yaw_deg)
    kept = [index for index in range(7) if gallery.similarity(unit(index)) == pytest.approx(1)]
    assert kept == [0, 2, 3, 4, 5, 6], "the oldest of three from one side goes"
    assert [gallery.has_view(yaw) for yaw in (None, 10, 70, -70, 35)] == [True, True, True, True, False]
    gallery.add(alike(0.95, 0, 1), 35)
    assert gallery.has_view(35), "the first view from a side is kept, however similar"


def test_an_embedding_similar_to_a_known_one_is_not_added():
    gallery = EmbeddingGallery()
    gallery.add(unit(0))
    gallery.add(alike(0.95, 0, 1))
    assert len(gallery) == 1
    gallery.add(alike(0.85, 0, 1))
    assert len(gallery) == 2


def test_the_similarity_is_the_largest_of_the_gallery():
    gallery = EmbeddingGallery()
    gallery.add(unit(0))
    gallery.add(unit(1))
    assert gallery.similarity(alike(0.8, 0, 2)) == pytest.approx(0.8)
    assert gallery.similarity(alike(0.8, 1, 0)) == pytest.approx(0.8)
    assert gallery.similarity(unit(5)) == pytest.approx(0)
    assert gallery.similarity(-unit(0)) == pytest.approx(0), "the second embedding is orthogonal"


def test_an_empty_gallery_is_an_error():
    with pytest.raises(ValueError, match="empty"):
        EmbeddingGallery().similarity(unit(0))


class Recorder:
    """Engine that records its batches and returns the mean colour of each crop as embedding."""

    def __init__(self, kind="appearance", input_px=32):
        self.spec = SimpleNamespace(name="staged", kind=kind, input_px=input_px, margin=2.0)
        self.batches = []

    def __call__(self, batch):
        self.batches.append(batch)
        return {"embedding": batch.reshape(len(batch), -1, 3).mean(axis=1)}


def test_each_face_is_cut_with_its_surroundings():
    """Faces of 16 px with a margin of 2: crops of 32 px at the image's own scale."""
    image = cv2.GaussianBlur(np.random.default_rng(2).integers(0, 256, (200, 300, 3), np.uint8), (0, 0), 2)
    engine = Recorder()
    vectors = Appearance(engine)(image, [actor(99.5, 79.5, 16), actor(219.5, 120.5, 16)])
    (batch,) = engine.batches
    np.testing.assert_allclose(batch[0].astype(int), image[64:96, 84:116], atol=2)
    np.testing.assert_allclose(batch[1].astype(int), image[105:137, 204:236], atol=2)
    assert vectors.shape == (2, 3)
    assert vectors.dtype == np.float32


def test_no_faces_do_not_run_the_network():
    engine = Recorder()
    assert len(Appearance(engine)(np.zeros((9, 9, 3), np.uint8), [])) == 0
    assert engine.batches == []


def test_another_network_is_refused():
    with pytest.raises(ModelFileError, match="is a landmarks network; expected an appearance network"):
        Appearance(Recorder(kind="landmarks"))


@pytest.mark.net
def test_the_bundled_network_reidentifies_the_face_of_the_synthetic_clip():
    """At another time, size and roll its similarity is higher than that of a noise image."""
    from facetrack.demo_clip.clip import ClipOptions, SyntheticClip
    from facetrack.engine.onnx import OnnxEngine
    from facetrack.modelfile import bundled_path

    appearance = Appearance(OnnxEngine(bundled_path("appearance")))
    clip = SyntheticClip(ClipOptions(duration_s=4.0))
    (first_frame, (first_face,)), (later_frame, (later_face,)) = clip.render(0), clip.render(100)
    noise = cv2.GaussianBlur(np.random.default_rng(5).integers(0, 256, first_frame.image.shape, np.uint8), (0, 0), 6)
    (first,) = appearance(first_frame.image, [first_face.points])
    (later,) = appearance(later_frame.image, [later_face.points])
    (other,) = appearance(noise, [first_face.points])
    for vector in (first, later, other):
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-4)
    assert first @ later > 0.8 > 0.35 > first @ other
