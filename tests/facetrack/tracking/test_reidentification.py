"""Who keeps the number, on a stage where every person's look is known."""

import numpy as np
import pytest

from facetrack.landmarker import Reading
from facetrack.signals import FaceSignals, SignalOptions
from facetrack.tracking.confidence import Confidence
from facetrack.tracking.reidentification import Reidentifier
from facetrack.tracking.track import Person, Track
from facetrack.types import Landmarks
from staged import BLACK, SPEC, Stage, actor, alike, frame, ids

FPS = 10.0


class Play:
    """Plays scenes on end, at 10 frames a second: `play(seconds, name=actor(..))` returns the last frame's numbers."""

    def __init__(self, looks: bool = True, **options) -> None:
        self.stage = Stage()
        self.tracker = self.stage.tracker(looks, **options)
        self.index = 0

    def __call__(self, seconds: float = 1 / FPS, **people) -> dict[str, int]:
        self.stage.cast(**people)
        for _ in range(round(seconds * FPS)):
            faces = self.tracker.update(frame(self.index, FPS))
            self.index += 1
        return self.stage.names(faces)


def reading_at(x):
    return Reading(Landmarks(actor(x, 200), np.ones(68, np.float32)), 0.99)


def test_who_leaves_and_returns_after_three_seconds_elsewhere_keeps_the_number():
    play = Play()
    assert play(1.0, anna=actor(150, 200)) == {"anna": 1}
    assert play(3.0) == {}
    assert play(anna=actor(450, 300, 60)) == {"anna": 1}


def test_another_person_at_the_old_place_is_somebody_else():
    play = Play()
    play(1.0, anna=actor(150, 200))
    play(0.5)
    assert play(0.2, bea=actor(150, 200)) == {"bea": 2}
    assert play(0.2, bea=actor(150, 200), anna=actor(450, 300)) == {"bea": 2, "anna": 1}


@pytest.mark.parametrize(
    ("similarity", "x", "number"),
    [(0.55, 150, 1), (0.45, 150, 2), (0.65, 450, 2), (0.85, 450, 1)],
    ids=["alike, here", "unlike, here", "alike, far", "very alike, far"],
)
def test_the_farther_away_the_more_alike(similarity, x, number):
    """.5 at the very place, .75 beyond reach; who is between these may be the lost one and waits for ten readings."""
    play = Play()
    play(1.0, anna=actor(150, 200))
    play(1.0)
    play.stage.looks["anna"] = alike(similarity, 0, 14)
    assert play(1.0, anna=actor(x, 200)) == {"anna": number}


def test_who_comes_back_resembles_themselves_more_a_moment_later():
    """At the picture's edge half the hair is cut off; three readings later all of the head is seen."""
    play = Play()
    play(1.0, anna=actor(150, 200))
    play(1.0)
    play.stage.looks["anna"] = alike(0.65, 0, 14)
    assert play(0.3, anna=actor(450, 200)) == {}
    play.stage.looks["anna"] = alike(0.9, 0, 14)
    assert play(anna=actor(450, 200)) == {"anna": 1}


def test_an_uncertain_face_must_be_more_similar():
    """3.8 px of 80 are .0475: too uncertain for a new face (.04), and to pass as a lost one with less than .75."""
    play = Play()
    play(1.0, anna=actor(150, 200))
    play(1.0)
    play.stage.looks["anna"] = alike(0.7, 0, 14)
    play.stage.sigma_px = 3.8
    assert play(0.3, anna=actor(150, 200)) == {}
    play.stage.sigma_px = 1.0
    assert play(anna=actor(150, 200)) == {"anna": 1}


def test_two_who_exchange_places_while_away_keep_their_numbers():
    play = Play()
    assert play(1.5, anna=actor(150, 200), bea=actor(450, 200)) == {"anna": 1, "bea": 2}
    play(3.0)
    assert play(bea=actor(150, 200), anna=actor(450, 200)) == {"anna": 1, "bea": 2}


def test_who_resembles_another_lost_person_more_is_not_taken_for_the_one_lost_here():
    """Anna comes back where Bea was lost: by .60 she could be Bea there, by .72 not yet Anna so far away."""
    play = Play()
    assert play(1.5, anna=actor(150, 200), bea=actor(450, 200)) == {"anna": 1, "bea": 2}
    play(1.0)
    play.stage.looks["anna"] = play.stage.looks["anna"] * 0.72 + play.stage.looks["bea"] * 0.6
    play.stage.looks["anna"] += alike(0.0, 0, 14) * np.sqrt(1 - 0.72**2 - 0.6**2)
    assert play(0.3, anna=actor(450, 200)) == {}
    play.stage.looks["anna"] = alike(0.9, 0, 14)
    assert play(0.2, anna=actor(450, 200), bea=actor(150, 200)) == {"anna": 1, "bea": 2}


def test_a_stranger_who_walks_past_the_place_of_a_loss_does_not_become_the_lost_one():
    """Alike by .60: enough at the very place, not where the stranger was first seen, 2.5 sizes away."""
    play = Play()
    play(1.0, anna=actor(150, 200))
    play(1.0)
    play.stage.looks["carl"] = alike(0.6, 0, 13)
    for x in range(350, 149, -25):
        assert play(carl=actor(x, 200)) == {}
    assert play(0.5, carl=actor(150, 200)) == {"carl": 2}


def test_without_looks_the_place_says_who_comes_back_for_two_seconds():
    play = Play(looks=False)
    assert play(1.0, anna=actor(150, 200), bea=actor(450, 200)) == {"anna": 1, "bea": 2}
    play(1.9)
    assert play(bea=actor(150, 200), anna=actor(450, 200)) == {"anna": 2, "bea": 1}
    play(2.2)
    assert play(bea=actor(150, 200)) == {"bea": 3}


def test_nobody_is_remembered_beyond_remember_s():
    play = Play(remember_s=2.0)
    play(1.0, anna=actor(150, 200))
    play(2.2)
    assert play(anna=actor(150, 200)) == {"anna": 2}


@pytest.mark.parametrize("hidden", ["anna", "bea"])
@pytest.mark.parametrize("pace", [8, 16])
def test_crossing_each_other_nobody_changes_numbers(hidden, pace):
    """Whoever is behind cannot be seen while the middles are less than 60 px apart, and is back within .3 s."""
    play = Play()
    play(1.5, anna=actor(100, 200), bea=actor(500, 200))
    for x in range(100, 501, pace):
        people = {"anna": actor(x, 200), "bea": actor(600 - x, 206)}
        if abs(600 - 2 * x) < 60:
            del people[hidden]
        numbers = play(**people)
        assert all({"anna": 1, "bea": 2}[name] == number for name, number in numbers.items()), x
        assert len(numbers) == 2 or abs(600 - 2 * x) < 60 + 6 * pace
    assert numbers == {"anna": 1, "bea": 2}


@pytest.mark.parametrize(("owner", "number"), [("anna", 1), ("bea", 2)])
def test_two_tracks_on_one_face_are_its_owner_s(owner, number):
    play = Play(detect_interval_s=1e9)
    play(1.5, anna=actor(100, 200), bea=actor(180, 200))
    assert play(**{owner: actor(140, 200)}) == {owner: number}
    other = "bea" if owner == "anna" else "anna"
    play(0.3, **{owner: actor(140, 200)})  # nobody is two faces further on in the next frame
    numbers = play(0.3, **{owner: actor(140, 200), other: actor(300, 200)})
    assert numbers == {"anna": 1, "bea": 2}


def test_numbers_exchanged_in_passing_are_put_right():
    """While the two overlap (by a third: 40 px of 80) each takes the other's place from one frame to the next."""
    play = Play()
    play(1.5, anna=actor(200, 200), bea=actor(300, 200))
    play(0.5, anna=actor(200, 200), bea=actor(240, 200))
    assert play(0.3, anna=actor(240, 200), bea=actor(200, 200)) == {"anna": 2, "bea": 1}, "as the places say"
    for step in (5, 10, 20, 40, 60):
        numbers = play(anna=actor(240 + step, 200), bea=actor(200 - step, 200))
    assert numbers == {"anna": 1, "bea": 2}


def test_without_looks_numbers_exchanged_in_passing_stay_with_the_places():
    play = Play(looks=False)
    play(1.5, anna=actor(200, 200), bea=actor(300, 200))
    play(0.5, anna=actor(200, 200), bea=actor(240, 200))
    play(0.3, anna=actor(240, 200), bea=actor(200, 200))
    for step in (5, 10, 20, 40, 60):
        numbers = play(anna=actor(240 + step, 200), bea=actor(200 - step, 200))
    assert numbers == {"anna": 2, "bea": 1}


def test_a_stranger_who_takes_over_a_track_gets_a_number_and_the_person_can_come_back():
    play = Play()
    play(1.0, anna=actor(200, 200))
    assert play(bea=actor(204, 200)) == {"bea": 1}, "one frame says nothing yet"
    assert play(1.0, bea=actor(204, 200)) == {"bea": 2}
    assert play(1.0, bea=actor(204, 200), anna=actor(450, 300)) == {"anna": 1, "bea": 2}


def test_one_strange_look_is_no_stranger():
    """A hand before the mouth for one frame: unlike at one look, like before at the next."""
    play = Play()
    play(1.1, anna=actor(200, 200))  # looks at 0, .5, 1.0: the next one is due in frame 15
    own = play.stage.looks["anna"]
    for i in range(30):
        play.stage.looks["anna"] = alike(1.0, 9, 15) if i % 6 == 4 else own
        assert play(anna=actor(200, 200)) == {"anna": 1}


def test_a_person_taken_over_comes_back_into_an_overlap_and_can_be_hidden_there():
    """Found again beside another face and hidden by it, before it ever stood alone."""
    play = Play(detect_interval_s=0.1)
    play(1.0, anna=actor(200, 200))
    play(1.0, bea=actor(200, 200))
    assert play(bea=actor(200, 200), anna=actor(260, 200)) == {"anna": 1, "bea": 2}
    assert play(bea=actor(230, 200)) == {"bea": 2}
    assert play(0.3, bea=actor(200, 200), anna=actor(450, 200)) == {"anna": 1, "bea": 2}


def test_half_hidden_a_new_face_waits_until_all_of_the_face_is_seen():
    """One who may be known and is cut off by the picture's edge is shown after ten frames, another one at once."""
    for known in (False, True):
        play = Play()
        if known:
            play(1.0, anna=actor(450, 200))
            play(0.5)
        play.stage.cast(bea=actor(30, 200))
        seen = [ids(play.tracker.update(frame(play.index + i, FPS))) for i in range(12)]
        assert seen == [[]] * 9 + [[2]] * 3 if known else [[1]] * 12


def test_a_lost_face_goes_to_the_most_alike_whatever_the_order():
    """Two are lost and two found, each a little like both: .9 to its own look, .44 to the other's."""
    play = Play()
    play(1.5, anna=actor(150, 200), bea=actor(450, 200))
    play(1.0)
    play.stage.looks.update(anna=alike(0.9, 0, 1), bea=alike(0.9, 1, 0))
    assert play(bea=actor(150, 200), anna=actor(450, 200)) == {"anna": 1, "bea": 2}


def test_reset_forgets_the_people():
    play = Play()
    play(1.0, anna=actor(150, 200), bea=actor(400, 200))
    play.tracker.reset()
    assert play(bea=actor(400, 200)) == {"bea": 1}


@pytest.mark.parametrize(("sigma_share", "number"), [(0.05, 1), (0.0125, 2)])
def test_points_that_had_slid_off_lie_beside_the_face(sigma_share, number):
    """It is found 1.6 of its size from its last position a frame later: further than a certain one can have gone."""
    stage = Stage()
    stage.cast(anna=actor(100, 200, 80))
    tracker = stage.tracker(confirmations=1)
    for i in range(10):
        assert ids(tracker.update(frame(i))) == [1]
    stage.sigma_px = sigma_share * 80  # .04 is that of a new face, .0125 that of the frames before
    tracker.update(frame(10))
    stage.sigma_px = 1.0
    stage.cast(anna=actor(100 + 1.6 * 80, 200, 80))
    assert ids(tracker.update(frame(11))) == [number]


def test_a_reading_is_embedded_once_at_most():
    """Found, waiting because he may be Anna or Bea, confirmed, and embedded for the first time: each needs it."""
    play = Play()
    play(1.5, anna=actor(150, 200), bea=actor(450, 200))
    play(1.0)
    embed, times = play.stage.appearance, []
    play.tracker._reidentifier._appearance = lambda image, faces: (
        times.extend([play.index] * len(faces)) or embed(image, faces)
    )
    play.stage.looks["carl"] = alike(0.6, 0, 13)
    seen = [play(carl=actor(350, 200)) for _ in range(12)]
    assert seen == [{}] * 9 + [{"carl": 3}] * 3
    assert times[:10] == list(range(25, 35))
    assert len(set(times)) == len(times)


def test_the_last_place_is_the_last_one_without_another_face_before_it():
    """Two of 80 px, 40 px apart, overlap by a third; a track that goes on with somebody else gives the person up."""
    one, other = (Track(reading_at(x), 0.0, 1.3, "off") for x in (100, 300))
    for number, track in enumerate((one, other), 1):
        track.person = Person(number, FaceSignals(SignalOptions(), number), track.last_seen)
    identities = Reidentifier(None)
    for time_s, x, kept in ((0.1, 200, 200), (0.2, 260, 200), (0.3, 220, 220)):
        one.update(reading_at(x), time_s)
        identities.update(BLACK, [one, other], time_s)
        assert one.person.last_seen.box[[0, 2]].mean() == pytest.approx(kept)


def test_who_was_replaced_is_lost_where_the_last_embedding_was_taken():
    looks = [alike(1.0, 0, 1)] * 2 + [alike(1.0, 2, 1)] * 2
    identities = Reidentifier(lambda image, faces: np.stack([looks.pop(0)]), Confidence.of(SPEC))
    track = Track(reading_at(100), 0.0, 1.3, "off")
    person = track.person = Person(7, FaceSignals(SignalOptions(), 7), track.last_seen)
    for i, x in enumerate((100, 110, 120, 130)):
        track.update(reading_at(x), i + 1.0)
        identities.update(BLACK, [track], i + 1.0)
        assert track.suspect == (i == 2)
    assert (track.person, person.last_seen.time_s) == (None, 2.0)
    assert person.last_seen.box[[0, 2]].mean() == pytest.approx(110)
