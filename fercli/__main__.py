"""`python -m fercli` is `fer`."""

from fercli.entry import run

if __name__ == "__main__":
    run()
