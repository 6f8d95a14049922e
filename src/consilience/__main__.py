"""`python -m consilience`: the same as the `consilience` command."""

from consilience.cli import main

if __name__ == "__main__":
    main()
