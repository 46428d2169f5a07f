"""The programs at the shell: their flags, their output, and `config.py`."""
