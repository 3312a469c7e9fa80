"""A bar on a terminal, one line for each epoch elsewhere."""

import sys


class Progress:
    def __init__(self, epochs, stream=sys.stderr):
        self.epochs, self.stream, self.is_bar = epochs, stream, stream.isatty()

    def update(self, epoch, step, steps):
        self.bar((epoch + step / steps) / self.epochs, f"epoch {epoch + 1}/{self.epochs}, step {step}/{steps}")

    def bar(self, share, text):
        if not self.is_bar:
            return
        filled = round(30 * share)
        self.stream.write(f"\r[{'#' * filled}{'-' * (30 - filled)}] {share:4.0%}  {text} ")
        self.stream.flush()

    def line(self, text):
        self.stream.write(f"\r\033[K{text}\n" if self.is_bar else f"{text}\n")
        self.stream.flush()
