"""Downloads of data sets: bounded in size and time, resumed after an interruption, verified by sha256."""
