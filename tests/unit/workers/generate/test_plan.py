"""Which image of a set is drawn from what."""

from models.sampling import Draw
from models.seeding import Between, image_seed
from release.sample_spec import ClassSample, InterpolatedSample, MixtureSample
from service.domain.requests import Interpolation, Mixture
from tests.sample_records import generate_request
from workers.generate.plan import plan_samples, to_draw

WEIGHTS = {"COVID": 0.6, "Normal": 0.4}
REQUEST = generate_request(
    class_counts={"COVID": 2, "Normal": 1},
    mixtures=(Mixture(WEIGHTS, 2),),
    interpolate=(
        Interpolation(7, 9, 3, label="Normal"),
        Interpolation(1, 2, 2, weights=WEIGHTS),
    ),
    seed=5,
)


def test_classes_come_first_then_mixtures_then_ways():
    assert plan_samples(REQUEST) == [
        ClassSample("COVID", image_seed(5, 0)),
        ClassSample("COVID", image_seed(5, 1)),
        ClassSample("Normal", image_seed(5, 2)),
        MixtureSample(WEIGHTS, image_seed(5, 3)),
        MixtureSample(WEIGHTS, image_seed(5, 4)),
        InterpolatedSample({"Normal": 1.0}, 7, 9, 0.0),
        InterpolatedSample({"Normal": 1.0}, 7, 9, 0.5),
        InterpolatedSample({"Normal": 1.0}, 7, 9, 1.0),
        InterpolatedSample(WEIGHTS, 1, 2, 0.0),
        InterpolatedSample(WEIGHTS, 1, 2, 1.0),
    ]


def test_a_request_of_classes_alone_needs_to_name_nothing_else():
    images = plan_samples(generate_request(class_counts={"COVID": 1}, seed=5))
    assert images == [ClassSample("COVID", image_seed(5, 0))]


def test_an_image_is_drawn_from_its_weights_and_seed():
    classes = ("Normal", "COVID")
    assert to_draw(ClassSample("COVID", 3), classes) == Draw({1: 1.0}, 3)
    assert to_draw(MixtureSample(WEIGHTS, 3), classes) == Draw({1: 0.6, 0: 0.4}, 3)
    way = InterpolatedSample({"Normal": 1.0}, 7, 9, 0.5)
    assert to_draw(way, classes) == Draw({0: 1.0}, Between(7, 9, 0.5))
