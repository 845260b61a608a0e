"""Both layouts of a folder of labelled images mean the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.errors import StartupError
from service.fitting.dataset import Labelled, genuine_or_labelled, labelled

BY_TRUTH = (
    *("real/a.jpg", "real/phones/ada/b.jpg", "real/phones/ada/c.jpg"),
    *("fake/swap/ada/d.jpg", "fake/gan/e.png"),
)
BY_PERSON = (
    *("genuine/ada/a.jpg", "genuine/ada/b.jpg", "genuine/bob/c.jpg"),
    *("swap/ada/d.jpg", "gan/eve/e.png"),
)


def make(folder: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"?")
    return folder


def by_name(images: list[Labelled]) -> dict[str, Labelled]:
    return {image.path.stem: image for image in images}


def test_by_truth(tmp_path: Path) -> None:
    found = by_name(labelled(make(tmp_path, BY_TRUTH)))
    assert {name for name, image in found.items() if image.fake} == {"d", "e"}
    assert [found[name].source for name in "abde"] == ["unnamed", "phones", "swap", "gan"]
    assert found["b"].group == found["c"].group != found["d"].group


def test_by_person(tmp_path: Path) -> None:
    found = by_name(labelled(make(tmp_path, BY_PERSON)))
    assert {name for name, image in found.items() if image.fake} == {"d", "e"}
    assert [found[name].source for name in "acde"] == ["genuine", "genuine", "swap", "gan"]


def test_a_person_is_one_over_all_species(tmp_path: Path) -> None:
    found = by_name(labelled(make(tmp_path, BY_PERSON)))
    assert found["a"].group == found["b"].group == found["d"].group == "ada"
    assert len({image.group for image in found.values()}) == 3


def test_attacks_beside_genuine_are_no_genuine_images(tmp_path: Path) -> None:
    found = by_name(genuine_or_labelled(make(tmp_path, BY_PERSON)))
    assert found["d"].fake


def test_a_folder_without_labels_is_of_genuine_images(tmp_path: Path) -> None:
    found = genuine_or_labelled(make(tmp_path, ("x/a.jpg", "b.jpg")))
    assert [image.fake for image in found] == [False, False]


def test_what_lies_beside_the_species_is_none(tmp_path: Path) -> None:
    assert "stray" not in by_name(labelled(make(tmp_path, (*BY_PERSON, "stray.jpg"))))


@pytest.mark.parametrize("names", [(), ("stray.jpg",), ("genuine/a.txt",)])
def test_nothing_to_read(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(StartupError, match="no image, video or recording"):
        labelled(make(tmp_path, names))
