"""`python -m hikma` is `hikma`."""

from hikma.interfaces.cli import main

main()
