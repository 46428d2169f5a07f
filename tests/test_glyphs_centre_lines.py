"""Centre lines and their distance fields: where the pen went, found again in what it drew."""

from __future__ import annotations

import errno
import pickle
from concurrent.futures import thread

import numpy as np
import pytest

from digitseq.errors import DigitseqWarning
from digitseq.glyphs import stroke_bank
from digitseq.glyphs.centre_lines import centre_lines
from digitseq.glyphs.loader import load_bank, load_strokes
from digitseq.glyphs.stroke_bank import STROKE, VARIANTS, build_strokes, cells_of, strokes_digest
from digitseq.glyphs.stroke_fields import SAMPLES, UNIT, intact, lines_of
from digitseq.glyphs.strokes import SIGNS

SIDE = 28
GRID = np.arange(SIDE) + 0.5


def drawn(distance: np.ndarray, pen: float) -> np.ndarray:
    """uint8 (1, 28, 28): ink within half of `pen` of a line, given the distance of every pixel from it."""
    return (np.clip(pen / 2 + 0.5 - distance, 0, 1) * 255).astype(np.uint8)[None]


def ring(radius: float, x: float = 14, y: float = 14) -> np.ndarray:
    """The distance of every pixel from a circle."""
    return np.abs(np.hypot(GRID - x, GRID[:, None] - y) - radius)


def bar(lean: float) -> np.ndarray:
    """The distance from a line through the middle, 16 pixels high, that leans to the right by `lean`."""
    along = np.array([lean, -1]) / np.hypot(lean, 1)
    at = np.stack(np.broadcast_arrays(GRID - 14, GRID[:, None] - 14), axis=-1)
    t = np.clip(at @ along, -8, 8)
    return np.hypot(*(at - t[..., None] * along).transpose(2, 0, 1))


@pytest.mark.parametrize("pen", [1.5, 2.5, 4.0])
@pytest.mark.parametrize("distance", [ring(7), ring(6.3, 13.4, 14.7), bar(0), bar(0.5)])
def test_the_line_runs_in_the_middle_of_the_stroke(pen, distance):
    found = centre_lines(drawn(distance, pen))
    column, row = np.floor(found.points.T).astype(int)
    assert len(found.points) > 30
    # linear between the middles of pixels is exact enough for a distance
    off = distance[row, column] - np.abs(found.points - np.floor(found.points) - 0.5).max(axis=1)
    assert np.maximum(off, 0).mean() < 0.2
    assert np.median(found.pen) == pytest.approx(pen / 2, abs=0.45)


@pytest.mark.parametrize("distance", [ring(7), bar(0.3)])
def test_the_field_is_the_distance_from_the_line(distance):
    found = centre_lines(drawn(distance, 2.5))
    lines = lines_of(found.points, found.owner, 1, SIDE)
    assert lines.field.shape == (1, SIDE * SAMPLES, SIDE * SAMPLES)
    coarse = lines.field[0].reshape(SIDE, SAMPLES, SIDE, SAMPLES).mean(axis=(1, 3)) / UNIT
    near = (distance > 0.8) & (distance < 3)  # in the middle of a line the mean of samples is not that of a point
    if (bar(0.3) == distance).all():
        near[:8] = near[-8:] = False  # the ends are rounder than the pen's
    assert np.abs(coarse - distance)[near].mean() < 0.12
    assert (lines.field[0, [0, -1]] == 255).all() and (lines.field[0, :, [0, -1]] == 255).all()


def test_metrics_are_those_of_the_line():
    distances = [ring(7), bar(0), bar(0.5), bar(-0.5)]
    cells = np.concatenate([drawn(distance, 2.0) for distance in distances])
    found = centre_lines(cells)
    lines = lines_of(found.points, found.owner, len(cells), SIDE)
    assert lines.lean[1:] == pytest.approx([0, 0.5, -0.5], abs=0.04)
    assert lines.top[0] == pytest.approx(-7, abs=0.4) and lines.bottom[0] == pytest.approx(7, abs=0.4)
    assert lines.left[0].min() == pytest.approx(-7, abs=0.4) and lines.right[0].max() == pytest.approx(7, abs=0.4)
    # a profile of a line that leans goes from one side to the other
    assert lines.left[2, 0] > 2 and lines.right[2, -1] < -2
    assert (lines.left <= lines.right).all()


def test_a_loop_that_the_pen_has_filled_is_found():
    """Thinning makes a stroke of a filled loop; an open one is written again as it was."""
    stem = bar(0)
    filled = np.minimum(stem, np.maximum(np.hypot(GRID - 14, GRID[:, None] - 19) - 3.2, 0))
    cells = np.concatenate([drawn(stem, 2.5), drawn(ring(7), 5), drawn(ring(6), 3), drawn(filled, 2.5)])
    found = centre_lines(cells)
    kept = intact(cells, lines_of(found.points, found.owner, len(cells), SIDE), found)
    assert kept.tolist() == [True, True, True, False]


def test_most_glyphs_are_written_again_as_they_were(test_split):
    """Ink of the pen that a glyph has lies on the glyph, and covers it."""
    strokes = load_strokes(test_split)
    assert 0.9 < strokes.intact.mean() < 0.97
    rows = strokes.rows_of(test_split)
    chosen = np.arange(0, len(test_split), 25)
    chosen = chosen[strokes.intact[rows[chosen]]]
    cells = cells_of(test_split, chosen, strokes.side)
    found = centre_lines(cells)
    pen = np.array([np.median(found.pen[found.owner == k]) for k in range(len(chosen))])
    field = strokes.lines.field[rows[chosen]].reshape(len(chosen), strokes.side, SAMPLES, strokes.side, SAMPLES)
    again = field.mean(axis=(2, 4)) / UNIT < pen[:, None, None]
    ink = cells > 127
    assert (again & ink).sum() / ink.sum() > 0.85
    assert (again & (cells > 40)).sum() / again.sum() > 0.95


def test_signs_and_plain_strokes_have_lines_at_the_end(test_split):
    strokes = load_strokes(test_split)
    assert len(strokes.base) == len(strokes.start) + VARIANTS * (len(SIGNS) + 1)
    dash, dot, plain = (slice(strokes.sign_row(s), strokes.sign_row(s) + VARIANTS) for s in ("-", ".", STROKE))
    lines = strokes.lines
    wide = lines.right.max(axis=1) - lines.left.min(axis=1)
    assert wide[plain] == pytest.approx(18, abs=0.6)
    assert (wide[dot] < 2).all() and (wide[dash] > 6).all()
    # a dash is in the middle of a digit's height above the base line, a dot on it
    assert (strokes.base - lines.bottom)[dash].mean() == pytest.approx(9.4, abs=1.5)
    assert (strokes.base - lines.bottom)[dot].mean() == pytest.approx(0.2, abs=1)


def test_cells_have_the_glyphs_in_the_middle(test_split):
    cells = cells_of(test_split, np.arange(200), 26)
    for glyph, cell in enumerate(cells):
        y, x = np.nonzero(cell)
        assert abs(y.min() + y.max() - 25) <= 1 and abs(x.min() + x.max() - 25) <= 1
        start, wide = test_split.start[glyph], test_split.width[glyph]
        assert cell.sum() == test_split.columns[start : start + wide].sum()


def test_large_data_sets_have_lines_for_an_even_selection(test_split, monkeypatch):
    monkeypatch.setattr(stroke_bank, "MOST_BYTES", 2600 * 52 * 52)
    few = test_split.share(0, 0.5)
    strokes = build_strokes(few)
    assert len(few) / 3 < len(strokes.start) <= 2600
    rows = strokes.rows_of(few)
    assert all((rows[slice(*few.class_start[c : c + 2])] >= 0).sum() > 100 for c in range(10))


def test_lines_are_found_once_and_opened_from_the_cache(tmp_path, monkeypatch):
    bank = load_bank("test", str(tmp_path))
    monkeypatch.setattr(stroke_bank, "MOST_BYTES", 100 * 52 * 52)
    first = load_strokes(bank)
    assert (tmp_path / "mnist-test.lines").is_file()
    monkeypatch.setattr(stroke_bank, "build_strokes", None)
    second = load_strokes(bank)
    assert second.path == first.path and np.array_equal(second.lines.field, first.lines.field)
    again = pickle.loads(pickle.dumps(second))
    assert again.path == first.path and len(pickle.dumps(second)) < 500


def test_finding_lines_ends_with_the_program(test_split, monkeypatch):
    """A service that is told to stop waits for its threads, which have a minute of work."""
    pieces, real = [], stroke_bank._glyph_lines

    def last(*given):
        monkeypatch.setattr(thread, "_shutdown", True)  # as Python does when the main thread has ended
        pieces.append(1)
        return real(*given)

    monkeypatch.setattr(stroke_bank, "_glyph_lines", last)
    monkeypatch.setattr(stroke_bank, "cpu_count", lambda: 2)
    with pytest.raises(RuntimeError, match="shutdown"):
        build_strokes(test_split)
    assert 1 <= len(pieces) <= stroke_bank.AHEAD * 2 < len(test_split) / stroke_bank.PIECE


def test_rare_characters_of_a_large_data_set_keep_their_lines(test_split, monkeypatch):
    """Not every glyph of a large data set has a line: a character without one was written as another."""
    few = test_split.share(0, 0.02)
    keep = [few.class_start[c] + np.arange(2 if c in (4, 9) else few.class_start[c + 1] - few.class_start[c])
            for c in range(10)]  # fmt: skip
    bank = few.grouped(keep)
    monkeypatch.setattr(stroke_bank, "MOST_BYTES", 40 * 52 * 52)
    strokes = build_strokes(bank)
    classes = bank.label[strokes.rows_of(bank) >= 0]
    counts = np.bincount(classes, minlength=10)
    assert len(strokes.start) == counts.sum() <= 40 < len(bank) and counts[4] == counts[9] == 2
    assert counts.max() - np.delete(counts, (4, 9)).min() <= 1
    assert (np.diff(strokes.start) > 0).all()


def test_what_is_chosen_of_a_large_data_set_is_a_part_of_its_digest(test_split, monkeypatch):
    whole = strokes_digest(test_split)
    monkeypatch.setattr(stroke_bank, "MOST_BYTES", 40 * 52 * 52)
    assert strokes_digest(test_split) != whole


def test_a_full_disk_costs_no_second_search(tmp_path, monkeypatch):
    monkeypatch.setattr(stroke_bank, "MOST_BYTES", 100 * 52 * 52)
    bank, built, real = load_bank("test", str(tmp_path)), [], stroke_bank.build_strokes
    monkeypatch.setattr(stroke_bank, "build_strokes", lambda *given: built.append(1) or real(*given))

    def full(*given):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(stroke_bank, "save_strokes", full)
    with pytest.warns(DigitseqWarning, match=r"cannot write the cache .*No space left"):
        strokes = load_strokes(bank)
    assert len(built) == 1 and strokes.path is None and len(strokes.start) == 100
    assert not (tmp_path / "mnist-test.lines").exists()


def test_a_damaged_file_of_lines_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr(stroke_bank, "MOST_BYTES", 100 * 52 * 52)
    bank = load_bank("test", str(tmp_path))
    path = load_strokes(bank).path
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.warns(DigitseqWarning, match=r"damaged.*building it again"):
        load_strokes(bank)
    assert path.read_bytes() != bytes(data)
