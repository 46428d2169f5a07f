"""A data set by the processes of any executor: here those of Python's own pool."""

from concurrent.futures import ProcessPoolExecutor

from digitseq import SequenceGenerator, Settings

if __name__ == "__main__":
    generator = SequenceGenerator(Settings(random_digits=(3, 8)), seed=6)
    with ProcessPoolExecutor(4) as pool:
        report = generator.write("output/executor", 1_000_000, "webdataset", executor=pool)
    print(report.count, "images in", report.folder)
