"""Tables in JSON: a list of lines, the first of which names the columns. Written plainly, read strictly. Pure.

A line is a list and not an object, and each text of a port range is parsed once, since every plan reads the ledger
whole (`tests/ledger/test_document.py` holds the time). All errors are ValueErrors whose text begins with the place,
such as `rows[3].lane`; the names are line 0.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from typing import Any, Generic, NamedTuple, TypeVar

T = TypeVar("T")

_NAMES: dict[type, str] = {str: "a text", bool: "true or false", int: "a whole number"}
_SHORT = 60


class Memo(dict[str, Any]):
    """Values by their text; a text that stands in many lines is read once. `read` raises ValueError."""

    def __init__(self, read: Callable[[str], object]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, text: str) -> object:
        value = self[text] = self._read(text)
        return value


class Column(NamedTuple):
    """One field of a record: the exact type of its JSON value, and where that is not the field, how to get there."""

    wanted: type
    memo: Memo | None = None
    write: Callable[[Any], str] | None = None


TEXT, FLAG, NUMBER = Column(str), Column(bool), Column(int)


def parsed(read: Callable[[str], object]) -> Column:
    """Values that `str` writes and `read` reads."""
    return Column(str, Memo(read), str)


def one_of(*words: str) -> Column:
    """One of these words."""

    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"{short(text)} is not one of {', '.join(words)}")
        return text

    return Column(str, Memo(read))


def several(one: Column) -> Column:
    """Tuples of what a `parsed` column has, in their order, none twice; one blank stands between two."""
    memo = one.memo
    assert memo is not None

    def read_all(text: str) -> tuple[object, ...]:
        if " " not in text:
            return (memo[text],) if text else ()
        found = tuple([memo[word] for word in text.split(" ")])
        check_unique(found, short(text))
        return found

    return Column(str, Memo(read_all), lambda values: " ".join(map(str, values)))


class Table(Generic[T]):
    """How the records of one table stand in JSON. The columns are named and ordered like the fields of `make`."""

    def __init__(self, make: Callable[..., T], columns: dict[str, Column]) -> None:
        self.names = list(columns)
        self._make = make
        self._columns = list(columns.values())
        self._memos = [(index, column.memo) for index, column in enumerate(self._columns) if column.memo is not None]
        self._types = [column.wanted for column in self._columns]

    def line(self, record: T) -> list[object]:
        """One record as a line."""
        fields = (getattr(record, name) for name in self.names)
        return [
            column.write(field) if column.write else field for column, field in zip(self._columns, fields, strict=True)
        ]

    def read(self, name: str, value: object) -> tuple[T, ...]:
        """The records of the table called `name`."""
        if not isinstance(value, list) or not value or value[0] != self.names:
            raise ValueError(f"{name}: it is not a list that begins with the line {', '.join(self.names)}")
        make, memos, types = self._make, self._memos, self._types
        records: list[T] = []
        for line in value[1:]:
            if type(line) is not list or list(map(type, line)) != types:
                raise self._wrong_type(f"{name}[{len(records) + 1}]", line)
            try:
                fields = line.copy()
                for index, memo in memos:
                    fields[index] = memo[line[index]]
            except ValueError:
                raise self._wrong_text(f"{name}[{len(records) + 1}]", line) from None
            records.append(make(*fields))
        return tuple(records)

    def _wrong_type(self, at: str, line: object) -> ValueError:
        if not isinstance(line, list) or len(line) != len(self.names):
            return ValueError(f"{at}: {short(line)} is not a list of {len(self.names)} values")
        index = next(index for index, item in enumerate(line) if type(item) is not self._types[index])
        return ValueError(f"{at}.{self.names[index]}: {short(line[index])} is not {_NAMES[self._types[index]]}")

    def _wrong_text(self, at: str, line: list[Any]) -> ValueError:
        for index, memo in self._memos:
            try:
                memo[line[index]]
            except ValueError as error:
                return ValueError(f"{at}.{self.names[index]}: {error}")
        raise AssertionError("called for a line without a mistake")


def check_unique(values: Collection[Hashable], at: str) -> None:
    """No value stands twice."""
    if len(set(values)) == len(values):
        return
    seen = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{at}: {short(value)} stands there twice")
        seen.add(value)


def short(value: object) -> str:
    """A value for people: ASCII, on one line, however long or strange it is."""
    text = ascii(value)
    return text if len(text) <= _SHORT else text[:_SHORT] + "..."
