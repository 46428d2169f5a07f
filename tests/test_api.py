from __future__ import annotations

import numpy as np
import pytest

from digitseq import SettingsError, api, generate_numbers_sequence


def test_a_sequence_is_a_float_image(train):
    image = generate_numbers_sequence([3, 5, 0], (0, 10), 100)
    assert (image.dtype, image.shape) == (np.float32, (28, 100))
    assert image.min() == 0
    assert 0.9 < image.max() <= 1


@pytest.mark.parametrize(
    "digits", ["350", [3, 5, 0], (3, 5, 0), np.array([3, 5, 0]), (np.int64(d) for d in (3, 5, 0)), ["3", "5", "0"]]
)
def test_digits_may_be_given_in_many_ways(digits, monkeypatch):
    monkeypatch.setattr(api, "draw_seed", lambda: 5)
    image = generate_numbers_sequence(digits, (1, 1), 0)
    assert np.array_equal(image, generate_numbers_sequence("350", (1, 1), 0))


def test_it_is_the_image_of_the_command_line(run, tmp_path, monkeypatch):
    from folders import pixels

    run("-num", "350", "-min", 2, "-max", 7, "-iw", 120, "--seed", 5)
    monkeypatch.setattr(api, "draw_seed", lambda: 5)
    image = generate_numbers_sequence("350", (2, 7), 120)
    assert np.array_equal(np.rint(image * 255), pixels(tmp_path / "output" / "350" / "1.png"))


def test_two_calls_differ():
    assert not np.array_equal(
        generate_numbers_sequence("350", (0, 10), 100), generate_numbers_sequence("350", (0, 10), 100)
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([3, 10], (0, 10), 100), "integers from 0 to 9, got 10"),
        (([3, -1], (0, 10), 100), "got -1"),
        (([3, 1.0], (0, 10), 100), r"got 1\.0"),
        (([True], (0, 10), 100), "got True"),
        ((["33"], (0, 10), 100), "got '33'"),
        (([3, None], (0, 10), 100), "got None"),
        ((35, (0, 10), 100), "a string or a sequence of integers, got 35"),
        (("3x", (0, 10), 100), "got 'x'"),
        (([], (0, 10), 100), "number is empty"),
        (("35", (10, 0), 100), "got 10 and 0"),
        (("35", (0.5, 1), 100), r"min_spacing must be a whole number from -28 to 1,000 pixels, got 0\.5"),
        (("35", 3, 100), "spacing_range must be two whole numbers"),
        (("35", (1, 2, 3), 100), "spacing_range must be two whole numbers"),
        (("35", (0, 10), -1), "image_width"),
        (("123456", (0, 10), 20), "too narrow for 6 characters"),
    ],
)
def test_bad_arguments_say_which_and_why(arguments, message):
    with pytest.raises(ValueError, match=message) as caught:
        generate_numbers_sequence(*arguments)
    assert isinstance(caught.value, SettingsError)
    assert "\n" not in str(caught.value)
