"""A report as a reader of its HTML has it: every tag closed, tables by id, amounts back from Dutch."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from html.parser import HTMLParser

_VOID = {"meta", "br", "link", "img", "hr", "input", "use"}


@dataclass
class Element:
    """What stands between two tags, but for the tags."""

    tag: str
    attributes: Mapping[str, str]
    texts: list[str] = field(default_factory=list)
    within: list["Element"] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text in it, spaces made one."""
        return " ".join("".join(self.texts).split())

    def all(self, tag: str) -> list["Element"]:
        """The elements of this kind anywhere in it."""
        return [found for one in self.within for found in ([one] if one.tag == tag else []) + one.all(tag)]


class Page(HTMLParser):
    """Reads a page; an unclosed or wrongly closed tag is an `AssertionError`."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self._open = [self.root]
        self.elements: list[Element] = []
        self.feed(html)
        self.close()
        assert self._open == [self.root], [one.tag for one in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag opens."""
        made = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(made)
        self._open[-1].within.append(made)
        if tag not in _VOID:
            self._open.append(made)
        elif tag == "br":
            self.handle_data(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag that closes itself, in SVG."""
        made = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(made)
        self._open[-1].within.append(made)

    def handle_endtag(self, tag: str) -> None:
        """A tag closes."""
        assert self._open[-1].tag == tag, f"{tag} closes {self._open[-1].tag}"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        """Text, for everything around it."""
        for one in self._open:
            one.texts.append(data)

    def ids(self) -> list[str]:
        """All ids, in order."""
        return [one.attributes["id"] for one in self.elements if "id" in one.attributes]

    def by_id(self, name: str) -> Element:
        """The element with this id."""
        [found] = [one for one in self.elements if one.attributes.get("id") == name]
        return found

    def has(self, name: str) -> bool:
        """Whether there is one."""
        return name in self.ids()

    def rows(self, name: str, key: str) -> dict[str, list[str]]:
        """The cells of a table's rows that carry this attribute, by its value."""
        found = (row for row in self.by_id(name).all("tr") if key in row.attributes)
        return {row.attributes[key]: [one.text for one in row.within if one.tag in ("td", "th")] for row in found}


def amount(text: str) -> Decimal:
    """€ -1.234,56 as a number."""
    [written] = re.findall(r"-?[0-9.]+,[0-9]{2}", text)
    return Decimal(written.replace(".", "").replace(",", "."))
