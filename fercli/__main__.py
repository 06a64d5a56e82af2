"""`python -m fercli` is `fer`."""

from fercli.cli.main import run

if __name__ == "__main__":
    run()
