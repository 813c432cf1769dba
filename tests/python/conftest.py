"""What all tests need."""

import signal

# A shell that starts the tests in the background has them ignore Ctrl-C; the tools that they start would inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)
