"""`python -m teig` is the same as `teig`."""

from teig.cli.main import run

if __name__ == "__main__":
    run()
