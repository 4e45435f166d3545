"""Free text, such as "a navy jumper with long sleeves, no buttons", to one edit of several attributes.

A word means something if it is a value's or an attribute's name, or stands in a table: words.json and any
table of the user's. Everything else is named as not understood. Nothing here knows of images or of JAX.

The text is cut into the longest terms that the table knows. Then each is told whether it is wanted, excluded
("no buttons"), left behind ("instead of blue") or kept. What is wanted of an attribute is settled by what says it
most plainly: a value said outright, then one that a garment implies (a hoodie's hood), then one of a style.
"""

from amgan_jax.editing.words.claims import Understood
from amgan_jax.editing.words.parsing import Parsed, parse
from amgan_jax.editing.words.table import Table, read_table

__all__ = ["Parsed", "Table", "Understood", "parse", "read_table"]
