"""A bar on a terminal, one line for each epoch elsewhere."""

import sys


class Progress:
    def __init__(self, epochs, stream=sys.stderr):
        self.epochs, self.stream, self.is_bar = epochs, stream, stream.isatty()

    def update(self, epoch, step, steps):
        if not self.is_bar:
            return
        share = (epoch + step / steps) / self.epochs
        filled = round(30 * share)
        bar = "#" * filled + "-" * (30 - filled)
        self.stream.write(f"\r[{bar}] {share:4.0%}  epoch {epoch + 1}/{self.epochs}, step {step}/{steps} ")
        self.stream.flush()

    def line(self, text):
        self.stream.write(f"\r\033[K{text}\n" if self.is_bar else f"{text}\n")
        self.stream.flush()
