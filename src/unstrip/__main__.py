"""`python -m unstrip` is the command line."""

from unstrip.program import main

if __name__ == "__main__":
    main()
