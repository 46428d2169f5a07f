"""The table of data sets: what each holds, where its files are published, and their sha256."""

from __future__ import annotations

from dataclasses import dataclass

from digitseq.errors import SettingsError

DIGITS = "0123456789"
CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# 47 classes: lower-case letters that look like their capitals (c, i, j, k, ...) share the capital's class
MERGED = DIGITS + CAPITALS + "abdefghnqrt"
SIDE = 28  # height and width of every glyph in the table, in pixels
ARCHIVE_FOLDER = "gzip"  # the directory inside EMNIST's zip file
_UNKNOWN_SIZE = 1 << 26  # more than QMNIST's images have, even uncompressed (47 MB)


@dataclass(frozen=True)
class File:
    """A published file. size: in bytes, None where its publisher does not state it; sha256: hex."""

    name: str
    size: int | None
    sha256: str

    @property
    def max_size(self) -> int:
        """The number of bytes after which a download is aborted."""
        return self.size or _UNKNOWN_SIZE


@dataclass(frozen=True)
class SplitFiles:
    """The two idx files of a split. glyphs: how many each has."""

    glyphs: int
    images: File
    labels: File

    @property
    def files(self) -> tuple[File, File]:
        """Images and labels."""
        return self.images, self.labels


@dataclass(frozen=True)
class DataSet:
    """A data set of the table.

    characters: character c has the label c + first_label; splits: "train" and "test"; folder: where its files are in
    the cache; urls: mirrors, tried in order: directories with the files or, with `archive`, with that zip file, and
    empty for files inside the package; transposed: whether rows and columns of the stored glyphs are swapped.
    """

    name: str
    title: str
    characters: str
    splits: dict[str, SplitFiles]
    folder: str
    urls: tuple[str, ...]
    licence: str
    archive: File | None = None
    transposed: bool = False
    first_label: int = 0

    @property
    def shipped(self) -> bool:
        """Whether the files are inside the package."""
        return not self.urls

    def selected(self, split: str) -> tuple[SplitFiles, ...]:
        """What `split` ("train", "test" or "all") consists of."""
        return tuple(self.splits.values()) if split == "all" else (self.splits[split],)

    def files(self) -> list[File]:
        """All its files."""
        return [file for split in self.splits.values() for file in split.files]


_EMNIST_ZIP = File("gzip.zip", 561_753_746, "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e")
_EMNIST_URLS = (
    "https://biometrics.nist.gov/cs_links/EMNIST/",
    "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/",
)

# Size and sha256 of the four gzip files: training images and labels, test images and labels.
_Sums = tuple[tuple[int | None, str], ...]


def _splits(
    train: str, test: str, glyphs: tuple[int, int], sums: _Sums, labels: str = "idx1-ubyte"
) -> dict[str, SplitFiles]:
    names = [f"{stem}-{kind}.gz" for stem in (train, test) for kind in ("images-idx3-ubyte", f"labels-{labels}")]
    files = [File(name, *known) for name, known in zip(names, sums)]
    return {"train": SplitFiles(glyphs[0], *files[:2]), "test": SplitFiles(glyphs[1], *files[2:])}


def _emnist(
    name: str, title: str, characters: str, glyphs: tuple[int, int], sums: _Sums, first_label: int = 0
) -> DataSet:
    """One of the data sets in EMNIST's zip file."""
    name = f"emnist-{name}"
    return DataSet(
        name, title, characters, _splits(f"{name}-train", f"{name}-test", glyphs, sums), "emnist",
        _EMNIST_URLS, "none stated (NIST Special Database 19)", _EMNIST_ZIP, True, first_label,
    )  # fmt: skip


def _like_mnist(name: str, title: str, characters: str, sums: _Sums, urls: tuple[str, ...], licence: str) -> DataSet:
    """A data set whose files have the names and glyph counts of MNIST's."""
    return DataSet(name, title, characters, _splits("train", "t10k", (60_000, 10_000), sums), name, urls, licence)


# Classes and orientation of EMNIST: G. Cohen et al., "EMNIST: an extension of MNIST to handwritten letters",
# arXiv:1702.05373, and the mapping files beside the data.
# Checksums of KMNIST and Fashion-MNIST: TensorFlow Datasets, tensorflow_datasets/url_checksums/. Those of QMNIST:
# torchvision, torchvision/prototype/datasets/_builtin/mnist.py; the sizes of its labels are those in the repository
# facebookresearch/qmnist, whose files have these checksums.
_ROWS = (
    _like_mnist(
        "mnist", "digits", DIGITS,
        (
            (9_719_438, "0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971"),
            (28_857, "1787548bbe0bff1ec2ecdc0ef292b02df999e2d1a6002d27500982c652b17203"),
            (1_616_508, "1a1a05eab793c14bb050b398624a11b0ffd1a2953baed553b1b9bd079e2a20be"),
            (4_517, "b91679a0acfe4ba0e50a2437a903084cba1f5f92592b016a25a7dfd00455798b"),
        ),
        (), "CC BY-SA 3.0",
    ),
    _emnist(
        "byclass", "digits, capitals and small letters", DIGITS + CAPITALS + CAPITALS.lower(), (697_932, 116_323),
        (
            (173_367_313, "9e21987f03a6eb8b870187e785883ddad96947299587908f1a7ec2ca0f4be5f0"),
            (491_603, "f7ef403d48dc18a89dae0d83d11ee69cecb6e1c12c3a961d03712e495c02a8fa"),
            (28_908_322, "5ec835bd5d5b1a66378a132e727fef20fe994b3cc666899befcca5ac766f50cd"),
            (81_839, "501e305eeeacb093b162592d80e8a2632040872360fa6d85cfcb2200d91ca92a"),
        ),
    ),
    _emnist(
        "bymerge", "the same, alike letters of both cases merged", MERGED, (697_932, 116_323),
        (
            (173_375_281, "39bf8c68037dad40db35348895f7e4e056e8c0a005ab78869c9fbc2c96e947be"),
            (476_444, "2c47293b9e62d6abf6ad05fbf67e40baa32adfd380b8d7b44dcc35534b64e1f1"),
            (28_905_295, "5e5815ec1b522089134435f7c55e75a00960b58414793593ffff23efc0821683"),
            (79_351, "8bda1516255683ba9071e141947ca0c91a911176065cdd6259b0b4d8dc5b5f35"),
        ),
    ),
    _emnist(
        "balanced", "the same, equally many of each class", MERGED, (112_800, 18_800),
        (
            (28_207_740, "74295e75e4e9fa2c102147460ee7eb763653d5132d883a84fb88932bfb8d2db4"),
            (80_618, "b46d41e5156a0a8aaaa4d18979fdd1588850fa8571018acffd5d93b325a7d6ed"),
            (4_714_707, "117fc12b015e37ea98bfb2cbba3f77c3782c056cdbd219b87abfc8661d7135db"),
            (13_504, "a67cac948379b67270b9a4d0a01c8ec661598accf2f2b1964340b7c83cb175cd"),
        ),
    ),
    _emnist(
        "letters", "letters, both cases merged", CAPITALS, (124_800, 20_800),
        (
            (30_804_864, "6288f418a917e007bf5fddb823a2dc7a5c6a35031401b93292a539cb12bd881f"),
            (79_283, "9759af91ea6bccdf07a6040fd085861f2ec88e37f7c3f5760f6feb57106fbe5c"),
            (5_039_157, "50f0e93d75b99b463e9760b8345866f22587fa2c2fba472730a5ba09c693412d"),
            (144, "924955c31fe7fd809b7303b5c0141282955f4b8390c74cdfd5d80435e0f4b4cb"),
        ),
        first_label=1,
    ),
    _emnist(
        "digits", "digits", DIGITS, (240_000, 40_000),
        (
            (59_515_779, "f7c95004d14d81af89522e67d8f0c781dfb3bd544181c81bfe1eb6b41c35b726"),
            (113_859, "6638a6ff5fe2eefd9cca2471995b46c82986b8e4b2a70d2f5ce8e05d7edb319e"),
            (9_908_519, "20ebe43509264f7639d37c835a3f0b009e90b29e00a099a03101abe1644a3f63"),
            (19_960, "bad1834c45d5988e270b99d43b13edc3fd898f658ffbc2caf2846ef27f7b05b0"),
        ),
    ),
    _emnist(
        "mnist", "digits, prepared like MNIST's", DIGITS, (60_000, 10_000),
        (
            (14_873_795, "5f9942f441031c0f1f2e4d162059fd6e19ea808b34c328b6d16cab0ed24c78f2"),
            (29_480, "00c6d3c2342fdffb1711e0b5656cac4ce5862d2826399d383a9bac07d612e9f8"),
            (2_484_884, "b25640fa9e356c618132f5df347c95ef5bae6d9c2596be1de40f7e0ae1c3eac6"),
            (5_144, "bcc5385d38f083dba046f5f756e99b32f5ea7fad122c6243c71c2239873065ca"),
        ),
    ),
    _like_mnist(
        "kmnist", "old Japanese hiragana", "おきすつなはまやれを",
        (
            (18_165_135, "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4"),
            (29_497, "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"),
            (3_041_136, "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"),
            (5_120, "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"),
        ),
        ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",), "CC BY-SA 4.0",
    ),
    DataSet(
        "qmnist", "MNIST's digits rebuilt, with 60,000 test glyphs", DIGITS,
        _splits("qmnist-train", "qmnist-test", (60_000, 60_000), (
            (None, "9e26a7bf1683614e065d7b76460ccd52807165b3f22561fb782bd9f38c52b51d"),
            (463_024, "2c05dc77f6b916b38e455e97ab129a42a444f3dbef09b278a366f82904e0dd9f"),
            (None, "43fc22bf7498b8fc98de98369d72f752d0deabc280a43a7bcc364ab19e57b375"),
            (526_800, "9fbcbe594c3766fdf4f0b15c5165dc0d1e57ac604e01422608bb72c906030d06"),
        ), "idx2-int"),
        "qmnist", ("https://raw.githubusercontent.com/facebookresearch/qmnist/master/",), "BSD 3-Clause",
    ),
    _like_mnist(
        "fashion-mnist", "clothes, ten kinds as 0 to 9", DIGITS,
        (
            (26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
            (29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
            (4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
            (5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
        ),
        ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",), "MIT",
    ),
)  # fmt: skip
DATA_SETS = {row.name: row for row in _ROWS}


def get_data_set(name: str) -> DataSet:
    """The data set called `name`. Raises `SettingsError` that lists the known names."""
    if name not in DATA_SETS:
        raise SettingsError(
            f"dataset must be one of {', '.join(DATA_SETS)}, or a folder with idx files (./NAME), got {name!r}",
            "dataset",
        )
    return DATA_SETS[name]
