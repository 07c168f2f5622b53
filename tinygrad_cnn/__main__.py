"""`python -m tinygrad_cnn` is the command `tinygrad-cnn`."""

import sys


def main() -> int:
    """Run the command line; returns the exit code."""
    try:
        from .cli import main as run  # here, since it takes long enough for Ctrl-C to come amid it
    except KeyboardInterrupt:
        return 130  # what shells report for Ctrl-C
    return run()


if __name__ == "__main__":
    sys.exit(main())
