"""What a data-set card says, out of the records of a folder's runs alone."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from pathlib import Path
from typing import Any

from digitseq.formats import FORMATS
from digitseq.glyphs.catalog import DATA_SETS, is_folder
from digitseq.options import FilePath, flag_words, options
from digitseq.runs.folder import MARK, SHEET
from digitseq.runs.manifest import Record, sections_of, size_of, whole_size
from digitseq.runs.run_settings import Output
from digitseq.settings import Settings, usual_max_spacing

SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B", "1B<n<10B")
TAGS = ("ocr", "text-recognition", "handwriting", "synthetic", "digitseq")
SPLITS = {"": "train", "val": "validation"}  # what the Hub calls our folders; others have their own names
COLUMNS = {
    "image": "an 8-bit grayscale image",
    "text": "what is written in it",
    "objects": "`bbox`: `[x, y, width, height]` of the ink of each character, in pixels; `categories`: the characters",
    "mask": "for each pixel 0 for paper, or k for the k-th character",
}
FEATURES = {
    "image": "    dtype: image\n",
    "text": "    dtype: string\n",
    "objects": "    struct:\n    - name: bbox\n      sequence:\n        sequence: int64\n"
               "    - name: categories\n      sequence: string\n",
    "mask": "    dtype: image\n",
}  # fmt: skip
LICENCE_PAGES = {
    "CC BY-SA 3.0": "https://creativecommons.org/licenses/by-sa/3.0/",
    "CC BY-SA 4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
    "BSD 3-Clause": "https://opensource.org/license/bsd-3-clause",
    "MIT": "https://opensource.org/license/mit",
}


def card_text(name: str, runs: list[Record]) -> str:
    """The card of the folder `name`: YAML for the Hub between two lines `---`, then Markdown."""
    counts = _counts(runs)
    total = sum(counts.values())
    rows = [f"| {SPLITS.get(folder, folder)} | `{folder or '.'}/` | {format_name} | {count:,} |"
            for (format_name, folder), count in counts.items()]  # fmt: skip
    version = " and ".join(dict.fromkeys(str(run.get("version")) for run in runs))
    titles = " and ".join(dict.fromkeys(_data_set(run) for run in runs))
    parts = [
        f"---\n{_front_matter(name, runs, counts)}---\n\n{MARK}\n\n# Handwritten sequences: {name}",
        f"{total:,} images of handwritten character sequences with their texts, put together by digitseq {version} out "
        f"of single handwritten characters of {titles}.",
        f"![Samples with texts and boxes]({SHEET})",
        "## Contents\n\n| split | folder | format | images |\n|---|---|---|--:|\n" + "\n".join(rows),
        *_reading(runs, counts),
        "## How it was made\n\nThis makes the same images again, in an empty folder:\n\n```sh\n"
        + "\n".join(command(run) for run in runs) + "\n```",
        *[f"The run of {size_of(run):,} images with seed {run['seed']} was interrupted after "
          f"{sum(s.images for s in sections_of(run)):,} of them." for run in runs if run["status"] != "finished"],
        *({run["glyphs"][0].upper() + run["glyphs"][1:] + "." for run in runs if run.get("glyphs")}),
        "## Licence\n\n" + "\n\n".join(dict.fromkeys(_attribution(run) for run in runs)),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def command(run: Record) -> str:
    """The command that makes the recorded run. Of paths it has the last names only: a card is for everybody."""
    values = dict(run["settings"])
    if values.get("max_spacing") == usual_max_spacing(values.get("min_spacing", 0)):
        values["max_spacing"] = None
    output = {
        name: run[name] for name in ("format", *FORMATS[run["format"]].options, "split_ratio", "shards") if name in run
    }
    words = ["python3", "run.py"]
    for cls, given in ((Settings, values), (Output, output | {"size": whole_size(run), "seed": run["seed"]})):
        known: dict[str, Any] = options(cls)
        for name, value in given.items():
            if name in known and value not in (known[name].default, _as_read(known[name].default)):
                words += flag_words(name, known[name], _without_folder(name, value, known[name].kind))
    return " ".join(shlex.quote(word) for word in words)


def _as_read(default: Any) -> Any:
    """A default as it is in a record, which is JSON."""
    return list(default) if isinstance(default, tuple) else default


def _without_folder(name: str, value: Any, kind: Any) -> Any:
    if not isinstance(kind, FilePath) or value == "-" or (name == "dataset" and not is_folder(value)):
        return value
    return f"./{Path(value).name}" if name == "dataset" else Path(value).name


def _counts(runs: list[Record]) -> dict[tuple[str, str], int]:
    """How many images there are of each format in each folder."""
    counts: Counter[tuple[str, str]] = Counter()
    for run in runs:
        for section in sections_of(run):
            counts[run["format"], section.folder] += section.images
    return +counts  # without folders that have none


def _front_matter(name: str, runs: list[Record], counts: dict[tuple[str, str], int]) -> str:
    lines = [
        f"pretty_name: {json.dumps(f'Handwritten sequences: {name}')}",
        "license:", *[f"- {licence}" for licence in dict.fromkeys(_licence_id(run) for run in runs)],
        "task_categories:", "- image-to-text",
        "tags:", *[f"- {tag}" for tag in TAGS],
        "size_categories:", f"- {SIZES[min(max(len(str(sum(counts.values()))) - 3, 0), len(SIZES) - 1)]}",
    ]  # fmt: skip
    if each := _on_the_hub(counts):
        lines += ["configs:", "- config_name: default", "  data_files:"]
        for format_name, folder in counts:
            if format_name == each:
                patterns = [f"{folder}/{pattern}".lstrip("/") for pattern in FORMATS[each].hub]
                lines += [f"  - split: {SPLITS.get(folder, folder)}", f"    path: {json.dumps(patterns)}"]
        if columns := _columns(each, runs):
            lines += ["dataset_info:", "- config_name: default", "  features:"]
            lines += [f"  - name: {column}\n{FEATURES[column]}".rstrip("\n") for column in columns]
    return "\n".join(lines) + "\n"


def _on_the_hub(counts: dict[tuple[str, str], int]) -> str | None:
    """The format that the Hub is told of, the first one that it knows: it reads all of a folder with one reader."""
    return next((each for each, _ in counts if FORMATS[each].hub), None)


def _columns(format_name: str, runs: list[Record]) -> list[str]:
    """The columns that `datasets` finds; none where it calls them otherwise, or runs differ."""
    of_format = [run for run in runs if run["format"] == format_name]
    if format_name == "webdataset" or not all("jsonl" in run.get("labels", ["jsonl"]) for run in of_format):
        return []
    masks = {bool(run["settings"].get("masks")) for run in of_format}
    return [] if len(masks) > 1 else [name for name in COLUMNS if name != "mask" or True in masks]


def _reading(runs: list[Record], counts: dict[tuple[str, str], int]) -> list[str]:
    """How to read what is there, and what is in it."""
    said = [f"Files of the format {each}: {FORMATS[each].help}." for each in dict.fromkeys(r["format"] for r in runs)]
    if each := _on_the_hub(counts):
        about = f"The files of the format {each} are read by" if len(said) > 1 else "They are read by"
        said += [
            f"{about}\n\n```python\nfrom datasets import load_dataset\n\n"
            'data = load_dataset("path/to/this/folder")\n```',
            "\n".join(f"- `{column}`: {COLUMNS[column]}" for column in _columns(each, runs)),
        ]
    return [part for part in said if part]


def _data_set(run: Record) -> str:
    """What the glyphs are called."""
    name = run["dataset"]["name"]
    return name if name in DATA_SETS else f"a folder of the maker's own ({Path(name).name})"


def _licence_id(run: Record) -> str:
    """What the Hub calls the licence of the glyphs."""
    name = run["dataset"]["name"]
    if name not in DATA_SETS:
        return "other"
    licence = DATA_SETS[name].licence
    return licence.lower().replace(" ", "-") if licence in LICENCE_PAGES else "unknown"


def _attribution(run: Record) -> str:
    name = run["dataset"]["name"]
    if name not in DATA_SETS:
        return (
            f"The characters come from {_data_set(run)}. Their licence is not recorded: whoever publishes this data "
            "set has to state it."
        )
    licence, authors = DATA_SETS[name].licence, DATA_SETS[name].authors
    said = (
        f"The characters are those of {name} by {authors}. The images are an adaptation: the characters were arranged "
        "in rows, and distorted where the command says so."
    )
    if licence in LICENCE_PAGES:
        return f"{said} Both are under [{licence}]({LICENCE_PAGES[licence]})."
    return f"{said} Licence of the characters: {licence}."
