"""`python -m controller` is `gtc`; children of the sandbox are started so."""

from controller.cli import main

if __name__ == "__main__":
    main()
