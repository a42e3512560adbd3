"""`python -m m3vit` is the command `m3vit`."""

from m3vit.cli import main

if __name__ == "__main__":
    main()
