"""A command on a terminal of its own: keys go in, and the screen is read as a person would see it."""

import asyncio
import fcntl
import os
import pty
import struct
import termios
from contextlib import asynccontextmanager

import pyte
from processes import COMMAND, environment


class _Screen(pyte.Screen):
    """A screen that takes private sequences (such as keyboard protocols) without drawing them."""

    def report_device_status(self, mode, **_):
        super().report_device_status(mode)

    def select_graphic_rendition(self, *attributes, private=False):
        if not private:
            super().select_graphic_rendition(*attributes)


class Terminal:
    """A pseudo terminal with a command on it."""

    def __init__(self, process, controller, columns, lines):
        self.process = process
        self._controller = controller
        self._screen = _Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self.written = b""

    @property
    def lines(self):
        """What stands on the screen."""
        return [line.rstrip() for line in self._screen.display]

    def line(self, word):
        """The first line that holds a word, or nothing."""
        return next((line for line in self.lines if word in line), "")

    def press(self, keys):
        """Type."""
        os.write(self._controller, keys.encode())

    def resize(self, columns, lines):
        """Make the window another size; the system tells the command."""
        self._screen.resize(lines, columns)
        fcntl.ioctl(self._controller, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    async def until(self, condition):
        """Wait until the screen shows something."""
        try:
            async with asyncio.timeout(20):
                while not condition():  # noqa: ASYNC110  # a screen has no event to wait for
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError("\n".join(self.lines)) from None

    def read(self):
        """Take up what the command drew."""
        try:
            drawn = os.read(self._controller, 65536)
        except OSError:
            drawn = b""
        if not drawn:
            asyncio.get_running_loop().remove_reader(self._controller)
        self.written += drawn
        self._stream.feed(drawn)


@asynccontextmanager
async def on_terminal(*arguments, columns=140, lines=30, **variables):
    """A command on a terminal; ended by its id if the test leaves it running."""
    controller, end = pty.openpty()
    fcntl.ioctl(controller, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    variables = {"TERM": "xterm-256color"} | variables
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        stdin=end,
        stdout=end,
        stderr=end,
        env=environment(**variables),
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # its child runs no Python thread
    )
    os.close(end)
    terminal = Terminal(process, controller, columns, lines)
    loop = asyncio.get_running_loop()
    loop.add_reader(controller, terminal.read)
    try:
        yield terminal
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        loop.remove_reader(controller)
        os.close(controller)
