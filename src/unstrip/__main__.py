"""`python -m unstrip` is the command line."""

from unstrip.faces.cli import main

if __name__ == "__main__":
    main()
