"""The schema."""

import pytest

from amgan_jax.errors import UserError
from amgan_jax.schema import UNKNOWN, Attribute, Schema

SCHEMA = Schema.from_values({"sleeve_length": ["short", "long"], "color": ["red", "blue", "black"]})


def test_parses_an_edit_into_indices():
    assert SCHEMA.parse_edit("color=black, sleeve_length=short") == {1: 2, 0: 0}


def test_values_may_have_commas_and_names_may_not():
    schema = Schema.from_values({"color": ["black, white", "red"], "fit": ["slim", "wide"]})
    assert schema.parse_edit("color=black, white,fit=wide") == {0: 0, 1: 1}
    for name in ("neck, line", "a=b"):
        with pytest.raises(UserError, match=f"{name}.*rename it"):
            Schema.from_values({name: ["round", "square"]})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("color=rd", "unknown value 'rd' for color: red, blue, black"),
        ("colour=red", "unknown attribute 'colour': sleeve_length, color"),
        ("color", "write attribute=value"),
        ("", "write attribute=value"),
        ("color=red,long", "unknown value 'red,long' for color: red, blue, black"),
        ("color=red,color=blue", "color is set twice"),
    ],
)
def test_a_bad_edit_names_what_would_be_right(text, said):
    with pytest.raises(UserError, match=said):
        SCHEMA.parse_edit(text)


def test_encodes_rows_with_empty_cells_as_unknown_and_back():
    label = SCHEMA.encode({"image": "1.jpg", "color": "blue", "sleeve_length": ""})
    assert label == [UNKNOWN, 1]
    assert SCHEMA.decode(label) == {"sleeve_length": "", "color": "blue"}


def test_encoding_names_a_missing_column():
    with pytest.raises(UserError, match="column 'sleeve_length' is missing: color"):
        SCHEMA.encode({"color": "red"})


def test_json_keeps_the_order_of_attributes_and_values():
    again = Schema.from_json(SCHEMA.to_json())
    assert again == SCHEMA
    assert again.value_counts == (2, 3)
    assert again != Schema(SCHEMA.attributes[::-1])


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"color": "red"}', '{"color": ["red"]}', '{"color": ["red", "red"]}', "{}"]
)
def test_broken_json_is_refused(text):
    with pytest.raises(UserError):
        Schema.from_json(text)


def test_an_attribute_cannot_stand_twice():
    with pytest.raises(UserError, match="an attribute twice"):
        Schema((Attribute("color", ("a", "b")), Attribute("color", ("c", "d"))))
