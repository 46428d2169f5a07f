"""The preview is written whole, and nothing else is touched."""

from __future__ import annotations

from support.folders import pixels


def test_a_link_under_the_name_is_replaced_and_not_followed(run, tmp_path):
    (tmp_path / "other").write_bytes(b"precious")
    (tmp_path / "look.png").symlink_to("other")
    assert run("-num", "12", "-da", "--preview", "look.png").returncode == 0
    assert (tmp_path / "other").read_bytes() == b"precious"
    assert not (tmp_path / "look.png").is_symlink()
    assert pixels(tmp_path / "look.png").ndim == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["look.png", "other"]


def test_a_preview_that_cannot_be_written_is_one_line_and_leaves_nothing(refused, tmp_path):
    (tmp_path / "taken.png").mkdir()
    assert "it is not a file" in refused("-num", "12", "-da", "--preview", "taken.png")
    assert "cannot write the preview" in refused("-num", "12", "-da", "--preview", "absent/look.png")
    assert "must be the name of a .png file" in refused("-num", "12", "-da", "--preview", "look.jpg")
    assert "cannot write the preview" in refused("-num", "12", "-da", "--preview", "/dev/full")
