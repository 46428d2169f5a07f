"""Settings that `python3 run.py -r` uses. Edit the values; a flag on the command line still wins.

Plain values only: numbers, "text", True, False, None, (width, height).
"""

# == what is written (one of the first 8)

# the same text in every image, such as 007
# a text, or None; default: None; such as "123456" (-num)
number = None

# random digits, MIN to MAX of them, lengths and digits uniformly distributed
# a whole number from 1 to 255 for each of min, max, or None; default: None; such as (4, 8)
random_digits = None

# amounts of money as people write them, LOW to HIGH digits: usual lengths more often, small first digits, a
# third round
# a whole number from 1 to 255 for each of low, high, or None; default: None; such as (1, 10)
amounts = None

# random texts of MIN to MAX characters of the data set, lengths and characters uniformly distributed
# a whole number from 1 to 255 for each of min, max, or None; default: None; such as (4, 8)
random_text = None

# valid telephone numbers of this region, an ISO 3166 code
# a text, or None; default: None; such as "JP"
phone = None

# strings that match this regular expression, such as '20[0-9]{2}'
# a text, or None; default: None; such as "20[0-9]{2}"
pattern = None

# the lines of this text file in order, repeated from the top if needed; - reads standard input
# a path, or None; default: None
numbers_file = None

# these texts in order, repeated from the top if needed
# a list of 1 to 10,000 texts of 1 to 255 characters, or None; default: None; such as ["2026", "7", "1234567"]
numbers = None

# with phone: mobile numbers, fixed-line numbers, or half of each
# one of mobile, fixed_line, any; default: "any"
phone_type = "any"

# with phone: digits as dialled within the country, the national grouping (090-1234-5678), or international
# (+819012345678)
# one of digits, national, e164; default: "digits"
phone_format = "digits"

# make all texts of the run different
# True or False; default: False
unique = False

# with random_digits or random_text: use every character equally often over the run
# True or False; default: False
balanced = False

# - + . , : / ( ) = # * without a glyph: draw them as pen strokes, or leave a gap of a digit's width for them
# and for any other sign, or refuse them; a space is always a gap
# one of draw, gap, refuse; default: "draw"
signs = "draw"

# with signs gap: labels without the signs that are not shown, or with them
# one of drop, keep; default: "drop"
gap_labels = "drop"

# letters in labels as given (with letter_layout on, A for a where the data set has one class for both shapes),
# or all in upper or lower case; images do not change
# one of as_given, upper, lower; default: "as_given"
label_case = "as_given"

# == how many, and where to

# directory to save results in; images go to OUTPUT_PATH/NUMBER/1.png, 2.png, ...
# a path; default: "./output" (-o)
output_path = "./output"

# name of the directory below OUTPUT_PATH, and of shards in it, instead of what the source says
# a text, or None; default: such as NUMBER or random
name = None

# png: single PNG files with label files beside them; webdataset: WebDataset tar shards: a .png, .txt and .json
# file for each sample; lmdb: an LMDB database as PARSeq and PaddleOCR read it; parquet: Parquet shards with the
# features of Hugging Face datasets; npz: one file of NumPy arrays: images, labels, lengths, boxes, widths
# one of png, webdataset, lmdb, parquet, npz; default: "png"
format = "png"

# labels beside PNG files, several allowed: jsonl (metadata.jsonl with boxes), txt (gt.txt), easyocr
# (labels.csv), coco (annotations.json), yolo (1.txt, ..., images.txt, data.yaml), tesseract (1.gt.txt, ...); or
# none
# one or more of jsonl, txt, easyocr, coco, yolo, tesseract, none; default: jsonl
labels = ["jsonl"]

# images per shard, with webdataset and parquet
# a whole number from 1 to 10,000,000; default: 10000
shard_size = 10000

# write train/, val/ and test/ with these shares of the images and no glyph in common
# a number from 0 to 1 for each of train, val, test, with the sum 1, or None; default: off
split_ratio = None

# a Hugging Face data-set card, README.md with samples.svg, beside the images; auto: for 1,000 images or more. A
# README.md of your own is left alone
# one of auto, on, off; default: "auto"
card = "auto"

# worker processes; 0 or 1: none, images are made in the main process; -1: one per core
# a whole number from -1 to 256, or None; default: 0 (-m)
multi_core = None

# make images on the Dask cluster whose scheduler has this address, such as tcp://10.0.0.5:8786; local: on one
# of multi_core processes that is started here
# a text, or None; default: none
dask = None

# number of images; with numbers_file or numbers, by default one for each text
# a whole number from 1 to 1,000,000,000, or None; default: 1; 100 with multi_core (-s)
size = None

# random seed: the same seed and settings give the same images
# a whole number from 0 to 18,446,744,073,709,551,615, or None; default: random, printed and recorded
seed = None

# write nothing; print what would be made, how large, in what time, from a measured sample
# True or False; default: False
dry_run = False

# number of the first image: image START of the seed's series and those after it, whatever else was made
# a whole number from 1 to 900,000,000,000, or None; default: after the last one in the folder
start = None

# begin the folder anew: remove the files that earlier runs recorded, and no others
# True or False; default: False
overwrite = False

# make only part I of N of the run, in OUTPUT_PATH/NUMBER/I-of-N; all parts, made anywhere and in any order,
# together are the run; needs seed and size
# I/N, part I of N with 1 <= I <= N <= 100,000, such as 2/3, or None; default: off
shards = None

# finish the interrupted run in this folder; give the same settings
# True or False; default: False
resume = False

# print nothing but errors
# True or False; default: False
quiet = False

# == layout, in pixels

# width of an image; 0: as wide as the text needs
# a whole number from 0 to 65,535 pixels; default: 200 (-iw)
image_width = 200

# height of an image; glyphs and lengths of distortions grow and shrink with it, spacing does not
# a whole number from 16 to 512 pixels; default: 28 (-ih)
image_height = 28

# height of a digit as a share of the image's height
# a number from 0.2 to 1, or None; default: 20/28, as in MNIST; such as 0.8
glyph_height = None

# of data sets with letters: digits and letters on one base line, capitals as high as MNIST's digits and small
# letters smaller, or all as high as the data set has them
# one of on, off; default: "on"
letter_layout = "on"

# smallest gap between two characters, ink to ink; they overlap if it is negative
# a whole number from -512 to 1,000 pixels; default: 0 (-min)
min_spacing = 0

# largest gap between two characters
# a whole number from -512 to 1,000 pixels, or None; default: 10, or MIN_SPACING if that is more; such as 10
# (-max)
max_spacing = None

# black ink on white paper, not white on black
# True or False; default: False
invert = False

# plain glyphs side by side, or a pen that writes along their centre lines as hands do, such as
# pen:width=0.05..0.12,slant=0; see --list_styles
# glyph, pen, or pen:key=value,...; default: "glyph"
style = "glyph"

# with style pen: share of the images with marks that are not in the label, such as separators, dashes, and the
# lines of forms
# a number from 0 to 1; default: 0.0
marks = 0.0

# make an instance mask for each image, too: 0 on paper, k on the k-th character; in masks/1.png beside 1.png,
# or as a member, a column or an array of the other formats, but not of lmdb
# True or False; default: False
masks = False

# == distortions (without -da, each of -e, -d, -a and -n enables only its own)

# erode, dilate, rotate and add noise to each character
# True or False; default: False (-da)
data_augmentation = False

# with data_augmentation: apply each of the four with probability 0.5, with kernels from 1 to 3 and random
# strengths
# True or False; default: False (-ra)
random_all = False

# erode with a kernel of this width and height
# a whole number from 1 to 15 pixels for each of width, height, or None; default: off; 1 2 with
# data_augmentation; such as (2, 2) (-e)
erode_kernel = None

# dilate with a kernel of this width and height
# a whole number from 1 to 15 pixels for each of width, height, or None; default: off; 2 1 with
# data_augmentation; such as (2, 2) (-d)
dilate_kernel = None

# rotate each character by this angle, counter-clockwise
# a number from -180 to 180 degrees, or None; default: off; from -15 to 15 at random with data_augmentation;
# such as 10.0 (-a)
angle = None

# share of a character's pixels set to white
# a number from 0 to 1, or None; default: off; from 0 to 0.1 at random with data_augmentation; such as 0.1 (-n)
noise_ratio = None

# more distortions: light, medium, heavy, scan, or NAME:key=value,... such as elastic:alpha=6,sigma=4; see
# --list_augmentations
# operations or their names; default: none
augment = []

# == whose glyphs

# directory in which data sets are saved
# a path, or None; default: $DIGITSEQ_CACHE, or the user's cache directory (-c)
cache = None

# data set of the glyphs: a name (see --list_datasets), or your own folder of idx files or of pictures
# (FOLDER/7/any-name.png, or FOLDER/train/7/... and FOLDER/test/7/...)
# a path; default: "mnist"
dataset = "mnist"

# the images in the folder are stored transposed, as in EMNIST's files
# True or False; default: False
transpose = False

# glyphs to use: the data set's training glyphs, its test glyphs, or all
# one of train, test, all; default: "train"
split = "train"
