"""The schema: which attributes a garment has, and which values each can take.

Nothing here knows of images or of JAX.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
import json
import re

from amgan_jax.errors import UserError, check_known

UNKNOWN = -1  # the label of a value that is unknown or does not apply


@dataclasses.dataclass(frozen=True)
class Attribute:
    """One attribute and its ordered values.

    Raises:
      UserError: fewer than two values, a value given twice, or a name that `parse_edit` could not tell apart.
    """

    name: str
    values: tuple[str, ...]

    def __post_init__(self):
        if "," in self.name or "=" in self.name:
            raise UserError(f"the name of attribute {self.name!r} has a comma or an equals sign: rename it")
        if len(self.values) < 2:
            raise UserError(f"attribute {self.name!r} needs at least two values, has {list(self.values)}")
        if len(set(self.values)) < len(self.values):
            raise UserError(f"attribute {self.name!r} lists a value twice: {', '.join(self.values)}")

    def index(self, value: str) -> int:
        """Index of `value`; UserError names the valid values if there is none."""
        if value not in self.values:
            raise UserError(f"unknown value {value!r} for {self.name}: {', '.join(self.values)}")
        return self.values.index(value)


@dataclasses.dataclass(frozen=True)
class Schema:
    """An ordered list of attributes.

    A label is a list of A value indices, one an attribute, UNKNOWN where unknown.
    All values of all attributes in order make the V "flat" values that network
    heads have one output for.

    Raises:
      UserError: no attribute, or a name given twice.
    """

    attributes: tuple[Attribute, ...]

    def __post_init__(self):
        if not self.attributes:
            raise UserError("a schema needs at least one attribute")
        if len(set(self.names)) < len(self.names):
            raise UserError(f"the schema lists an attribute twice: {', '.join(self.names)}")

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(a.name for a in self.attributes)

    @functools.cached_property
    def value_counts(self) -> tuple[int, ...]:
        """Number of values of each attribute; their sum is V."""
        return tuple(len(a.values) for a in self.attributes)

    def index(self, name: str) -> int:
        """Index of an attribute; UserError names the valid attributes if there is none."""
        check_known("attribute", name, self.names)
        return self.names.index(name)

    def parse_edit(self, text: str) -> dict[int, int]:
        """`color=red,sleeve_length=long` as {attribute index: value index}.

        Raises:
          UserError: an unknown attribute or value, an attribute twice, or no `=`.
        """
        edit = {}
        for part in re.split(r",(?=[^,=]*=)", text):  # a value may have commas
            name, separator, value = (piece.strip() for piece in part.partition("="))
            if not separator:
                raise UserError(f"cannot read {part.strip()!r} in {text!r}: write attribute=value,attribute=value")
            index = self.index(name)
            if index in edit:
                raise UserError(f"{name} is set twice in {text!r}")
            edit[index] = self.attributes[index].index(value)
        return edit

    def name_edit(self, edit: Mapping[int, int]) -> dict[str, str]:
        """{attribute: value} of what `parse_edit` gives, in the schema's order."""
        return {self.attributes[a].name: self.attributes[a].values[v] for a, v in sorted(edit.items())}

    def encode(self, row: Mapping[str, str]) -> list[int]:
        """Label of a row of names, such as a line of a CSV file; an empty cell is UNKNOWN.

        Raises:
          UserError: a missing column or an unknown value.
        """
        label = []
        for attribute in self.attributes:
            if attribute.name not in row:
                raise UserError(f"column {attribute.name!r} is missing: {', '.join(row)}")
            value = (row[attribute.name] or "").strip()
            label.append(attribute.index(value) if value else UNKNOWN)
        return label

    def decode(self, label: Sequence[int]) -> dict[str, str]:
        """Value names of a label, by attribute; an unknown value is an empty string."""
        return {
            attribute.name: attribute.values[value] if value != UNKNOWN else ""
            for attribute, value in zip(self.attributes, label, strict=True)
        }

    def to_json(self) -> str:
        return json.dumps({a.name: list(a.values) for a in self.attributes}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Schema":
        """Inverse of `to_json`.

        Raises:
          UserError: not JSON, or not an object of lists of strings.
        """
        try:
            content = json.loads(text)
        except json.JSONDecodeError as error:
            raise UserError(f"the schema is not JSON: {error}") from error
        well_formed = isinstance(content, dict) and all(
            isinstance(values, list) and all(isinstance(v, str) for v in values) for values in content.values()
        )
        if not well_formed:
            raise UserError('a schema is an object such as {"color": ["red", "blue"], ...}')
        return cls.from_values(content)

    @classmethod
    def from_values(cls, values: Mapping[str, Sequence[str]]) -> "Schema":
        """Schema of {attribute: values}, in the mapping's order."""
        return cls(tuple(Attribute(name, tuple(names)) for name, names in values.items()))
