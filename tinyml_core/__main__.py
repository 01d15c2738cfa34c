"""``python -m tinyml_core``: the command line."""

from tinyml_core.cli import main

if __name__ == "__main__":
    main()
