"""Reads the images and texts of WebDataset shards in an object store."""

import fsspec
import webdataset as wds
from webdataset.gopen import gopen_schemes

gopen_schemes["s3"] = lambda url, mode, bufsize, **more: fsspec.open(url, mode).open()
store, folder = fsspec.url_to_fs("s3://bucket/digits/random")
shards = [store.unstrip_protocol(path) for path in store.find(folder) if path.endswith(".tar")]
for image, text in wds.WebDataset(shards, shardshuffle=False).decode("l8").to_tuple("png", "txt"):
    print(image.shape, image.dtype, text)  # (28, 200) uint8 1015
    break
