"""What a text asks for."""

import dataclasses

from amgan_jax.editing.words.claims import Understood, find_claims, settle
from amgan_jax.editing.words.items import bind, cut, drop_denied, join_colors, set_modes
from amgan_jax.editing.words.lexicon import compile_table
from amgan_jax.editing.words.spelling import spell
from amgan_jax.editing.words.table import Table
from amgan_jax.editing.words.tokens import tokenize
from amgan_jax.errors import UserError
from amgan_jax.schema import Schema


@dataclasses.dataclass(frozen=True)
class Parsed:
    """What a text asks for.

    Attributes:
      values: {attribute index: value index}, as `Schema.parse_edit` gives.
      understood: a line for each of `values`, in the text's order.
      unknown: what was not understood, or fits no value of the schema.
    """

    values: dict[int, int]
    understood: tuple[Understood, ...]
    unknown: tuple[str, ...]

    def describe(self, schema: Schema) -> str:
        """`color=blue ("navy"), fastening=none ("no buttons"); not understood: "peplum"`."""
        said = []
        for found in self.understood:
            attribute = schema.attributes[found.attribute]
            said.append(f'{attribute.name}={attribute.values[found.value]} ("{found.text}")')
        unknown = ", ".join(f'"{words}"' for words in self.unknown)
        return ", ".join(said) + (f"; not understood: {unknown}" if unknown else "")


def parse(text: str, schema: Schema, table: Table) -> Parsed:
    """What a text asks for.

    Args:
      text: such as "a navy jumper with long sleeves, no buttons".
      schema: whose values are wanted.
      table: of `read_table`.

    Raises:
      UserError: nothing is understood, or the text contradicts itself.
    """
    lexicon = compile_table(schema, table)
    items = cut(spell(tokenize(text), lexicon), lexicon, text)
    set_modes(items)
    drop_denied(items)
    bind(items)
    join_colors(items, lexicon.mixed)
    claims, unknown = find_claims(items, lexicon)
    understood, unanswered = settle(claims, schema)
    if not understood:
        unknown = ", ".join(f'"{words}"' for words in dict.fromkeys(unknown + unanswered))
        why = f": no value is called {unknown}" if unknown else ""
        raise UserError(f"{text!r} asks for nothing{why}; say what is wanted, such as {_example(schema)}")
    values = {found.attribute: found.value for found in understood}
    return Parsed(values, tuple(understood), tuple(dict.fromkeys(unknown + unanswered)))


def _example(schema):
    return ", ".join(f"{a.name}={a.values[0]}" for a in schema.attributes[:3])
