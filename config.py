"""The settings that `python3 run.py -num 123456 -r` uses. Edit the values; a flag on the command line still wins.

Plain values only: numbers, "text", True, False, None, (width, height).
"""

# -- source: one of these, or -num on the command line, which wins
random_digits = None  # (3, 8): random digits, lengths from 3 to 8
random_text = None  # (3, 8): the same out of all characters of the data set
phone = None  # "JP": telephone numbers of a region, by its ISO 3166 code
pattern = None  # "20[0-9]{2}": strings that match a regular expression
numbers_file = None  # "numbers.txt": its lines, in order
phone_type = "any"  # with phone: "mobile", "fixed_line", or "any", which is half of each
phone_format = "digits"  # with phone: "digits", "national" (090-1234-5678) or "e164" (+819012345678)
unique = False  # True: all sequences of a run are different
balanced = False  # True: with random_digits or random_text, every character equally often over the run
label_case = "as_given"  # letters in labels: "as_given", "upper" or "lower"
signs = "draw"  # - + . , : / ( ) = # *: "draw" pen strokes, leave a "gap" of a digit's width, or "refuse"
gap_labels = "drop"  # with signs "gap": "drop" the signs that are not shown from the labels, or "keep" them

# -- data
cache = None  # directory in which data sets are saved; None: $DIGITSEQ_CACHE, or the user's cache directory
output_path = "./output"  # images go to <output_path>/<number>/1.png, 2.png, ...
dataset = "mnist"  # data set of the glyphs: a name (see --list_datasets), or "./folder" with idx files
transpose = False  # True: the glyphs of the folder are stored with rows for columns
split = "train"  # which glyphs: "train", "test" or "all"
name = None  # "plates": the directory's name, where the source's is not wanted
format = "png"  # "png" (single files), "webdataset" (tar shards), "lmdb", "parquet" (shards) or "npz" (one file)
labels = "jsonl"  # beside png: "jsonl", "txt", "easyocr", "coco", "yolo", "tesseract", several in [...], or "none"
shard_size = 10000  # images per shard, with webdataset and parquet
card = "auto"  # a Hugging Face data-set card (README.md): "on", "off", or "auto", for 1,000 images or more
split_ratio = None  # (0.9, 0.05, 0.05): these shares of the images in train/, val/, test/, no glyph in two of them

# -- layout, in pixels
image_width = 200  # 0: as wide as the sequence needs
image_height = 28  # 16 to 512; glyphs and distortions are scaled with it
glyph_height = None  # height of a digit as a share of image_height, 0.2 to 1; None: 20/28, as in MNIST
min_spacing = 0  # smallest gap between two digits, ink to ink; negative overlaps them
max_spacing = 10  # largest gap, included
invert = False  # True: black ink on white paper
masks = False  # True: an instance mask for each image, too, in masks/1.png, 2.png, ...

# -- augmentation of every digit on its own
data_augmentation = False  # erode, dilate, rotate and add noise
random_all = False  # with data_augmentation: each of the four with probability 0.5, strengths drawn per digit
erode_kernel = None  # (width, height), 1 to 15; None: off, or (1, 2) with data_augmentation
dilate_kernel = None  # (width, height), 1 to 15; None: off, or (2, 1) with data_augmentation
angle = None  # degrees, counter-clockwise; None: off, or drawn from -15 to 15 with data_augmentation
noise_ratio = None  # share of pixels set to white, 0 to 1; None: off, or drawn from 0 to 0.1 with data_augmentation
augment = []  # further distortions, in order: ["light"], or such as ["elastic:alpha=20", "blur:p=0.3"]

# -- batch
multi_core = None  # processes; None, 0 or 1: no further ones; -1: all cores
size = None  # how many images; None: 1, or 100 when multi_core is given
seed = None  # a number gives the same images every time; None: drawn, printed and recorded
dry_run = False  # True: write nothing, print what would be made
start = None  # number of the first image; None: after the last one in the directory
overwrite = False  # True: begin the directory anew; removes the files that earlier runs recorded, and no others
resume = False  # True: continue the last run into this folder, if it was interrupted
quiet = False  # True: print nothing but errors
