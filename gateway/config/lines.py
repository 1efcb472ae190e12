"""Where each key of a TOML text stands: from a path such as `("routes", 0, "mode")` to its line.

The standard reader keeps no positions, so a second parser, tree-sitter's, is asked for them; only once there is
something to say about the file.
"""

import tomllib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node

Path = tuple[str | int, ...]


class Lines:
    """The lines of a text that is valid TOML."""

    def __init__(self, text: str) -> None:
        import tree_sitter_toml
        from tree_sitter import Language, Parser

        tree = Parser(Language(tree_sitter_toml.language())).parse(text.encode())
        self._lines: dict[Path, int] = {}
        self._elements: dict[Path, int] = {}
        self.spans: dict[Path, tuple[int, int]] = {}
        """Where each value stands that holds no others, in bytes."""
        self.is_whole = not tree.root_node.has_error
        """Whether this parser, too, found nothing wrong."""
        for child in tree.root_node.named_children:
            self._read(child, ())

    def of(self, path: Path) -> int:
        """The line of a path or, where it is not written, of the nearest table around it; the first line at last."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def _read(self, node: "Node", base: Path) -> None:
        match node.type:
            case "pair":
                key, value = [child for child in node.named_children if child.type != "comment"]
                path = self._place(base, _keys(key), key)
                self._read_value(value, path)
            case "table":
                head, *rest = node.named_children
                path = self._place(base, _keys(head), head)
                self._read_all(rest, path)
            case "table_array_element":
                head, *rest = node.named_children
                path = self._place(base, _keys(head), head)
                index = self._elements.get(path, -1) + 1
                self._elements[path] = index
                self._lines[(*path, index)] = head.start_point[0] + 1
                self._read_all(rest, (*path, index))

    def _read_value(self, node: "Node", path: Path) -> None:
        if node.type == "inline_table":
            self._read_all(node.named_children, path)
        elif node.type == "array":
            elements = [child for child in node.named_children if child.type != "comment"]
            for index, element in enumerate(elements):
                self._lines[(*path, index)] = element.start_point[0] + 1
                self._read_value(element, (*path, index))
        else:
            self.spans[path] = (node.start_byte, node.end_byte)

    def _read_all(self, nodes: "list[Node]", path: Path) -> None:
        for node in nodes:
            self._read(node, path)

    def _place(self, base: Path, keys: Iterator[str], node: "Node") -> Path:
        """The path of a key's last part; within an array of tables it goes on in the latest element."""
        path = base
        for key in keys:
            if path in self._elements:
                path = (*path, self._elements[path])
            path = (*path, key)
            self._lines.setdefault(path, node.start_point[0] + 1)
        return path


def _keys(node: "Node") -> Iterator[str]:
    """The parts of a key, however it is written, as the standard reader reads them."""
    tree = tomllib.loads(f"{(node.text or b'').decode()} = 0")
    while isinstance(tree, dict):
        key, tree = next(iter(tree.items()))
        yield key
