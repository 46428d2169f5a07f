"""Downloads of data sets: bounded, resumed when they were interrupted, and checked."""
