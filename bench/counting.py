"""What Python does while something runs, in numbers that no other load on the machine moves.

Counted are the bytecodes that are executed, the functions of Python that are entered (a coroutine each time it goes
on), and the functions of C that are called. No collection runs meanwhile: it would run the finalizers of anything else
in the process.
"""

import gc
import sys
from types import FrameType
from typing import Any, Self


class Executed:
    """Counts bytecodes and functions of Python while it is entered; frames that ran before are not looked at."""

    def __init__(self) -> None:
        self.bytecodes = 0
        self.functions = 0

    def __enter__(self) -> Self:
        self._collecting, self._before = gc.isenabled(), sys.gettrace()
        gc.disable()
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)
        if self._collecting:
            gc.enable()

    def _trace(self, frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "opcode":
            self.bytecodes += 1
        elif event == "call":
            if frame.f_code is Executed.__exit__.__code__:
                return None
            self.functions += 1
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._trace


class Called:
    """Counts the functions of C that are called while it is entered."""

    def __init__(self) -> None:
        self.functions = 0

    def __enter__(self) -> Self:
        self._collecting, self._before = gc.isenabled(), sys.getprofile()
        gc.disable()
        sys.setprofile(self._profile)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(self._before)
        self.functions -= 1  # that was one
        if self._collecting:
            gc.enable()

    def _profile(self, _frame: FrameType, event: str, _argument: Any) -> None:
        if event == "c_call":
            self.functions += 1
