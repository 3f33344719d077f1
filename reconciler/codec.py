"""Records to strict JSON and back, with the place of what is wrong.

A `Shape` reads one kind of value and writes it; larger shapes are built from smaller ones. Every error is a ValueError
of one line that begins with the place, such as `rows[3].lane: `. A document is read whole or refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, TypeVar, get_args

from reconciler.ports import Kind, Lane, PortRange, Store

T = TypeVar("T")
Fields = Mapping[str, "Shape[Any]"]

LARGEST_NUMBER = 2**53 - 1
"""The largest whole number that every JSON reader keeps exactly."""
_SHORT, _LONG = 60, 300


class ShapeError(ValueError):
    """A value that is not of its shape. `place` says where it stands, from the whole document on."""

    def __init__(self, problem: str, place: str = "") -> None:
        super().__init__(f"{place}: {problem}" if place else problem)
        self.problem = problem
        self.place = place

    def below(self, place: str) -> ShapeError:
        """The same error, of a value that stands at this place of a larger one."""
        dot = "." if self.place and not self.place.startswith("[") else ""
        return ShapeError(self.problem, f"{place}{dot}{self.place}")


class NewerFormatError(ValueError):
    """A newer version of this program wrote the document."""


@dataclass(frozen=True, slots=True)
class Shape(Generic[T]):
    """How one kind of value stands in JSON. `read` raises ValueError; `names` are the columns of a line."""

    read: Callable[[Any], T]
    write: Callable[[T], Any]
    names: tuple[str, ...] = ()


def _as_it_is(value: T) -> T:
    return value


def _of_type(wanted: type[T], name: str) -> Shape[T]:
    def read(value: Any) -> T:
        if type(value) is not wanted:
            raise ShapeError(f"{short(value)} is not {name}")
        return value

    return Shape(read, _as_it_is)


ANY: Shape[Any] = Shape(_as_it_is, _as_it_is)
TEXT, FLAG = _of_type(str, "a text"), _of_type(bool, "true or false")


def number(low: int = 0, high: int = LARGEST_NUMBER) -> Shape[int]:
    """A whole number from `low` to `high`."""

    def read(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise ShapeError(f"{short(value)} is not a whole number from {low} to {high}")
        return value

    return Shape(read, _as_it_is)


def parsed(parse: Callable[[str], T]) -> Shape[T]:
    """What `str` writes and `parse` reads. A text that stands in many records is parsed once: a plan reads them all."""
    known: dict[str, T] = {}

    def read(value: Any) -> T:
        if type(value) is not str:
            raise ShapeError(f"{short(value)} is not a text")
        found = known.get(value)
        if found is None:
            found = known[value] = parse(value)
        return found

    return Shape(read, str)


def one_of(words: Sequence[str]) -> Shape[Any]:
    """One of these words."""

    def parse(text: str) -> str:
        if text not in words:
            raise ShapeError(f"{short(text)} is not one of {', '.join(words)}")
        return text

    return parsed(parse)


def several(one: Shape[T], least: int = 1) -> Shape[tuple[T, ...]]:
    """At least so many values of a `parsed` shape, in their order, none twice; one blank stands between two."""

    def parse(text: str) -> tuple[T, ...]:
        found = tuple([one.read(word) for word in text.split(" ")] if text else ())
        if len(found) < least:
            raise ShapeError("it is empty")
        _check_unique(found, text.split(" "))
        return found

    return Shape(parsed(parse).read, lambda values: " ".join(map(str, values)))


def optional(shape: Shape[T]) -> Shape[T | None]:
    """The shape, or null."""
    return Shape(
        lambda value: None if value is None else shape.read(value),
        lambda value: None if value is None else shape.write(value),
    )


def checked(shape: Shape[T], is_good: Callable[[T], bool], problem: str) -> Shape[T]:
    """The shape, of which only some values are good."""

    def read(value: Any) -> T:
        found = shape.read(value)
        if not is_good(found):
            raise ShapeError(f"{short(value)} {problem}")
        return found

    return Shape(read, shape.write)


def record(make: Callable[..., T], fields: Fields) -> Shape[T]:
    """An object with exactly these keys, which are the arguments of `make` and the attributes of what it makes."""
    return Shape(
        lambda value: make(**_read_object(value, fields)),
        lambda made: {name: shape.write(getattr(made, name)) for name, shape in fields.items()},
    )


def line(make: Callable[..., T], fields: Fields) -> Shape[T]:
    """A list of exactly these values, which are the first arguments of `make` and attributes of what it makes."""
    names, shapes = tuple(fields), tuple(fields.values())
    count, reads = len(shapes), [shape.read for shape in shapes]

    def read(value: Any) -> T:
        if type(value) is not list or len(value) != count:
            raise ShapeError(f"{short(value)} is not a list of {count} values: {', '.join(names)}")
        try:
            return make(*[read(item) for read, item in zip(reads, value)])  # noqa: B905 (the length is checked)
        except ValueError:
            for name, shape, item in zip(names, shapes, value, strict=True):
                read_at(name, shape, item)
            raise

    def write(made: T) -> list[Any]:
        return [shape.write(getattr(made, name)) for name, shape in fields.items()]

    return Shape(read, write, names)


def listed(shape: Shape[T]) -> Shape[tuple[T, ...]]:
    """A list of any length."""

    def read(value: Any) -> tuple[T, ...]:
        if type(value) is not list:
            raise ShapeError(f"{short(value)} is not a list")
        return _read_all(shape, value)

    return Shape(read, lambda values: [shape.write(value) for value in values])


def table(row: Shape[T], key: Callable[[T], Hashable] = id) -> Shape[tuple[T, ...]]:
    """A list of lines below the names of their columns. No two have the same key."""
    names = list(row.names)

    def read(value: Any) -> tuple[T, ...]:
        if type(value) is not list or value[:1] != [names]:
            raise ShapeError(f"it is not a list that begins with the line {', '.join(names)}")
        records = _read_all(row, value, first=1)
        _check_unique([key(item) for item in records], value[1:], first=1)
        return records

    return Shape(read, lambda values: [names, *map(row.write, values)], row.names)


def mapping(shape: Shape[T], keys: Collection[str] = ()) -> Shape[dict[str, T]]:
    """An object whose values are alike; with exactly these keys, or any if none is given."""

    def read(value: Any) -> dict[str, T]:
        if keys:
            return _read_object(value, dict.fromkeys(keys, shape))
        return {key: read_at(f"[{short(key)}]", shape, item) for key, item in _checked_object(value).items()}

    return Shape(read, lambda values: {key: shape.write(value) for key, value in values.items()})


LANE, PORTS = parsed(Lane.parse), parsed(PortRange.parse)
LANES = several(LANE)
KIND, STORE = one_of(get_args(Kind)), one_of(get_args(Store))


def read_at(place: str, shape: Shape[T], value: Any) -> T:
    """Read a value that stands at this place. Raises ShapeError with the place."""
    try:
        return shape.read(value)
    except ValueError as error:
        raise _placed(error, place) from None


def _read_object(value: Any, fields: Fields) -> dict[str, Any]:
    for name in sorted(set(fields).symmetric_difference(_checked_object(value))):
        raise ShapeError("it is missing", name) if name in fields else ShapeError(f"{short(name)} is not a known key")
    return {name: read_at(name, shape, value[name]) for name, shape in fields.items()}


def _checked_object(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise ShapeError(f"{short(value)} is not an object")
    return value


def _read_all(shape: Shape[T], values: list[Any], first: int = 0) -> tuple[T, ...]:
    found: list[T] = []
    try:
        for item in values[first:]:
            found.append(shape.read(item))
    except ValueError as error:
        raise _placed(error, f"[{len(found) + first}]") from None
    return tuple(found)


def _placed(error: ValueError, place: str) -> ShapeError:
    return (error if isinstance(error, ShapeError) else ShapeError(str(error)[:_LONG])).below(place)


def _check_unique(keys: Sequence[Hashable], values: Sequence[Any], first: int = 0) -> None:
    if len(set(keys)) == len(keys):
        return
    seen: set[Hashable] = set()
    for index, key in enumerate(keys):
        if key in seen:
            raise ShapeError(f"{short(values[index])} stands there twice", f"[{index + first}]")
        seen.add(key)


def parse_json(data: bytes) -> Any:
    """UTF-8 JSON in which no key stands twice in an object and every number is one. Raises ValueError."""
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise ShapeError("it is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise ShapeError(f"it is not JSON from line {error.lineno} on") from None
    except RecursionError:
        raise ShapeError("it is nested too deeply") from None
    except ValueError as error:
        if "set_int_max_str_digits" in str(error):  # advice of Python's that is not for whoever reads this
            raise ShapeError("a number in it has too many digits") from None
        raise


def parse_document(data: bytes, mark: tuple[str, str], version: int) -> dict[str, Any]:
    """The object of a document that says `mark` (key and value) and this `format_version`, without the two.

    Raises NewerFormatError for a higher version, else ValueError.
    """
    document = parse_json(data)
    key, name = mark
    if type(document) is not dict or document.pop(key, None) != name:
        raise ShapeError(f'it does not say "{key}": "{name}"')
    found = read_at("format_version", number(1), document.pop("format_version", None))
    if found > version:
        raise NewerFormatError(f"it has format_version {found}, and this program knows {version} only")
    if found < version:
        raise ShapeError(f"it has format_version {found} of an older program")
    return document


to_text = json.JSONEncoder().encode
"""One value as JSON, in ASCII on one line."""


def to_lines(texts: Iterable[str]) -> str:
    """A list of texts that `to_text` made, one on a line."""
    return "[\n" + ",\n".join(texts) + "\n]"


def dump_document(mark: tuple[str, str], version: int, parts: Mapping[str, str]) -> bytes:
    """What `parse_document` reads: ASCII, one key on a line. `parts` are JSON texts by their keys."""
    key, name = mark
    whole = {key: to_text(name), "format_version": to_text(version), **parts}
    return ("{\n" + ",\n".join(f'"{key}": {text}' for key, text in whole.items()) + "\n}\n").encode("ascii")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    _check_unique(keys, keys)
    return dict(pairs)


def _no_constant(text: str) -> NoReturn:
    raise ShapeError(f"{text} is not a number")


def short(value: object) -> str:
    """A value for people: ASCII, on one line, however long or strange it is."""
    try:
        text = ascii(value)
    except RecursionError:
        return "..."
    return text if len(text) <= _SHORT else text[:_SHORT] + "..."
