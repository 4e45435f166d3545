"""Free text to edits: the list of phrases, and each kind of word on its own."""

import csv
import json
import subprocess
import sys
import time

import pytest

from amgan_jax.editing import styles, words
from amgan_jax.errors import UserError
from amgan_jax.schema import Schema
from tests import helpers

_PHOTO = Schema.from_json((helpers.ROOT / "data" / "photo_schema.json").read_text())
_RENDERED = Schema.from_values(
    {
        "sleeve_length": ("sleeveless", "short", "long"),
        "collar": ("round", "v_neck", "shirt", "hood"),
        "color": ("red", "yellow", "green", "blue", "purple", "black", "white"),
        "pattern": ("plain", "striped", "checked", "dotted"),
        "fastening": ("none", "buttons", "zip"),
    }
)
_FACES = Schema.from_values(
    {
        "hair_color": ("black", "blond", "brown", "gray"),
        "smiling": ("no", "yes"),
        "lip_color": ("red", "pink", "brown"),
        "beard": ("none", "goatee", "full"),
    }
)
_SHOP = Schema.from_values(
    {
        "category": ("shirt", "dress"),
        "collar": ("shirt", "round"),
        "neckline": ("v_neck", "crew"),
        "colour": ("navy_blue", "blue", "red", "light_grey"),
        "sleeve_length": ("long_sleeve", "short_sleeve"),
        "size": ("1", "2", "3"),
    }
)
_SCHEMAS = {"photo": _PHOTO, "rendered": _RENDERED, "faces": _FACES, "shop": _SHOP}
_TABLE = words.read_table()
_FIGURE = 0.99  # of the half that nothing was tuned on


def _read(text, schema=_PHOTO, table=_TABLE):
    return ",".join(f"{k}={v}" for k, v in _names(words.parse(text, schema, table).values, schema).items())


def _names(values, schema):
    return {schema.names[a]: schema.attributes[a].values[v] for a, v in sorted(values.items())}


def _right(row):
    schema = _SCHEMAS[row["schema"]]
    try:
        return words.parse(row["phrase"], schema, _TABLE).values == schema.parse_edit(row["edit"])
    except UserError:
        return False


def _phrases(name="phrases.csv"):
    with (helpers.ROOT / "tests" / name).open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("half", (0, 1))
def test_phrases_are_understood(half):
    """Odd numbers were tuned on, even ones were not: each asked value right and none invented."""
    rows = [row for row in _phrases() if int(row["number"]) % 2 == half]
    assert len(rows) == 100
    wrong = [row["phrase"] for row in rows if not _right(row)]
    assert len(wrong) <= 100 - 100 * _FIGURE, wrong


def test_nothing_is_invented():
    for row in _phrases("phrases_that_ask_nothing.csv"):
        with pytest.raises(UserError, match="asks for nothing"):
            words.parse(row["phrase"], _SCHEMAS[row["schema"]], _TABLE)


def test_a_phrase_takes_little_time():
    rows = [row for row in _phrases() if row["schema"] == "photo"]
    start = time.process_time()
    for row in rows:
        _right(row)
    assert (time.process_time() - start) / len(rows) < 0.05


@pytest.mark.parametrize("schema", _SCHEMAS.values(), ids=_SCHEMAS)
def test_own_names_always_work(schema):
    for attribute in schema.attributes:
        for value in attribute.values:
            for text in (f"{attribute.name}={value}", f"{attribute.name}: {value}".replace("_", "-").upper()):
                assert _read(text, schema) == f"{attribute.name}={value}"


def test_several_own_names_in_one_text():
    assert _read("smiling=no, hair_color=brown", _FACES) == "hair_color=brown,smiling=no"
    assert _read("not smiling, pink lips and gray hair", _FACES) == "hair_color=gray,smiling=no,lip_color=pink"
    assert _read("no beard", _FACES) == "beard=none"
    assert (
        _read("dresses with long sleeves, v neck", _SHOP) == "category=dress,neckline=v_neck,sleeve_length=long_sleeve"
    )
    with pytest.raises(UserError, match='no value is called "brown"'):  # of hair or of lips
        words.parse("brown", _FACES, _TABLE)


@pytest.mark.parametrize(
    ("text", "schema", "color"),
    [
        ("navy", _PHOTO, "blue"), ("burgundy", _PHOTO, "red"), ("cream", _PHOTO, "beige"),
        ("cream", _RENDERED, "white"),
        ("fuchsia", _PHOTO, "pink"), ("fuchsia", _RENDERED, "purple"), ("olive green", _PHOTO, "green"),
        ("royal-blue", _PHOTO, "blue"), ("red and white stripes", _PHOTO, "multicolor"),
        ("red, white and blue", _PHOTO, "multicolor"), ("green/yellow", _PHOTO, "multicolor"),
        ("white buttons on a red tee", _PHOTO, "red"), ("white shirt with black stripes", _PHOTO, "white"),
        ("white button shirt", _PHOTO, "white"), ("black sweater, red sleeves", _PHOTO, "black"),
    ],
)  # fmt: skip
def test_colors_count_as_the_nearest(text, schema, color):
    assert f"color={color}" in _read(text, schema).split(",")


def test_colors_of_other_schemas():
    assert _read("navy", _SHOP) == _read("navy blue", _SHOP) == "colour=navy_blue"
    assert (_read("cobalt", _SHOP), _read("charcoal", _SHOP)) == ("colour=blue", "colour=light_grey")
    parsed = words.parse("a pink shirt, plain", _RENDERED, _TABLE)  # which is near no colour of these
    assert (_names(parsed.values, _RENDERED), parsed.unknown) == ({"pattern": "plain"}, ("pink",))
    parsed = words.parse("red and black, plain", _RENDERED, _TABLE)  # which no one value is
    assert (_names(parsed.values, _RENDERED), parsed.unknown) == ({"pattern": "plain"}, ("red and black",))


@pytest.mark.parametrize(
    ("text", "edit"),
    [
        ("no buttons", "fastening=none"), ("without a collar", "collar=round"), ("not striped", "pattern=plain"),
        ("buttonless", "fastening=none"), ("no sleeves", "sleeve_length=sleeveless"), ("unpatterned", "pattern=plain"),
        ("without buttons or zip, red", "color=red,fastening=none"), ("I don't want a hood", "collar=round"),
        ("no hood and long sleeves", "sleeve_length=long,collar=round"),
        ("remove the sleeves and buttons", "sleeve_length=sleeveless,fastening=none"),
        ("no white buttons", "fastening=none"), ("striped, not checked", "pattern=striped"),
        ("not a red but a blue one", "color=blue"), ("turn it from blue to red", "color=red"),
        ("a zip instead of buttons", "fastening=zip"), ("replace the hood with a v-neck", "collar=v_neck"),
        ("keep the red colour, but add stripes", "pattern=striped"), ("peach? no, purple", "color=purple"),
        ("hoodie without a hood", "collar=round"), ("polo, no buttons", "collar=shirt,fastening=none"),
    ],
)  # fmt: skip
def test_what_is_not_wanted(text, edit):
    assert _read(text) == edit


def test_an_exclusion_that_says_not_what_is_wanted_is_named():
    parsed = words.parse("green, not long sleeves, no puff sleeves", _PHOTO, _TABLE)
    assert _names(parsed.values, _PHOTO) == {"color": "green"}
    assert parsed.unknown == ("puff", "no long sleeves")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("red, blue", '"red" and "blue" contradict each other: color=red or blue'),
        ("striped and checked", "pattern=striped or checked"),
        ("hooded, no hood", '"hooded" and "no hood" contradict'),
        ("retro style, country style", "pattern=striped or checked"),
    ],
)
def test_contradictions_are_named(text, said):
    with pytest.raises(UserError) as refused:
        words.parse(text, _PHOTO, _TABLE)
    assert said in str(refused.value)


def test_what_is_said_outright_holds():
    assert _read("polo shirt with a round neck") == "collar=round"
    assert _read("formal style, short sleeves") == "sleeve_length=short,collar=shirt,pattern=plain,fastening=buttons"


def test_a_style_needs_to_be_meant():
    assert _read("make it retro") == _read("a retro look") == "color=orange,pattern=striped"
    parsed = words.parse("a navy retro jumper", _PHOTO, _TABLE)
    assert (_names(parsed.values, _PHOTO), parsed.unknown) == ({"color": "blue"}, ("retro",))


@pytest.mark.parametrize(
    ("text", "edit"),
    [
        ("a long red dress", "color=red"), ("a red shirt", "color=red"),
        ("shirt collar, red", "collar=shirt,color=red"),
        ("red, round hem", "color=red"), ("the sleeves long, the colour red", "sleeve_length=long,color=red"),
        ("red with high slits and short puff sleeves", "sleeve_length=short,color=red"), ("long", "sleeve_length=long"),
    ],
)  # fmt: skip
def test_common_words_need_their_attribute(text, edit):
    assert _read(text) == edit


def test_slips_are_mended():
    assert (
        _read("strped, buttns, blck, long sleves") == "sleeve_length=long,color=black,pattern=striped,fastening=buttons"
    )
    for text in ("better", "sold", "late", "match", "paid", "designer", "read", "bleach", "flattering"):
        assert _read(f"{text} red") == "color=red"


def test_what_is_not_understood_is_named():
    parsed = words.parse("a navy peplum top with toggles and a zip", _PHOTO, _TABLE)
    assert parsed.describe(_PHOTO) == 'color=blue ("navy"), fastening=zip ("zip"); not understood: "peplum", "toggles"'
    said = "'with toggles' asks for nothing: no value is called \"toggles\".*sleeve_length="
    with pytest.raises(UserError, match=said):
        words.parse("with toggles", _PHOTO, _TABLE)


def test_a_value_that_the_schema_has_not_is_named():
    parsed = words.parse("red with a hood, buttons, pockets and 3/4 sleeves", _SHOP, _TABLE)
    assert _names(parsed.values, _SHOP) == {"colour": "red"}
    assert parsed.unknown == ("hood", "buttons", "pockets", "3/4")


def test_users_extend_the_table(tmp_path):
    path = tmp_path / "mine.json"
    mine = {
        "words": {"collar=round": "roll neck", "color=blue": "khaki", "pattern=checked": "madeira"},
        "colors": {"house red": "#c01020 red"},
        "styles": {"retro": "color=brown", "house": "fastening=zip"},
        "ignored": "striped up, floral",
    }
    path.write_text(json.dumps(mine))
    table = words.read_table([path])
    assert _read("roll neck, khaki, madeira", table=table) == "collar=round,color=blue,pattern=checked"
    assert _read("turtleneck in house red", table=table) == "collar=high,color=red"
    assert _read("retro house style", table=table) == "fastening=zip"
    assert _read("retro style", table=table) == "color=brown"
    assert _read("floral, red", table=table) == "color=red"
    assert _read("roll neck") == "collar=high"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "cannot read the table of words"),
        ("[]", "is no table of words"),
        ('{"wrods": {}}', "unknown section 'wrods': words"),
        ('{"words": ["a"]}', "section 'words' should be an object of texts"),
        ('{"words": {"collar": "roll neck"}}', "'collar' in section 'words' should be attribute=value"),
        ('{"styles": {"retro": "brown"}}', "'brown' in section 'styles' should be attribute=value"),
        ('{"colors": {"sky": "blue"}}', "'blue' in section 'colors' should be #rrggbb"),
        ('{"ignored": ["a"]}', "section 'ignored' should be a text"),
    ],
)
def test_bad_tables_are_refused(content, said, tmp_path):
    (tmp_path / "mine.json").write_text(content)
    with pytest.raises(UserError) as refused:
        words.read_table([tmp_path / "mine.json"])
    assert said in str(refused.value) and "mine.json" in str(refused.value)


def test_the_table_names_what_schemas_have():
    """Each style and each word of the table stands for something in one of the project's schemas."""
    content = json.loads((helpers.ROOT / "amgan_jax" / "editing" / "words" / "words.json").read_text())
    for name, text in content["styles"].items():
        assert _read(f"{name} style").count("=") == text.count("=")
    for key, text in content["words"].items():
        for word in text.split(","):
            assert word.strip() and key.split("=")[0].split("|")[0] in _read(word)


_LIGHT = "import sys; from amgan_jax.editing import words;print({'jax', 'tensorflow', 'matplotlib'} & set(sys.modules))"


def test_words_need_no_network():
    result = subprocess.run(
        [sys.executable, "-c", _LIGHT], cwd=helpers.ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "set()"


def _tagged(tag, collar, count, split="train"):
    return [{"split": split, "usage": tag, "collar": collar, "color": ("red", "blue")[i % 2]} for i in range(count)]


def test_styles_are_learnt_of_tags():
    schema = Schema.from_values({"collar": ("round", "shirt", "hood"), "color": ("red", "blue")})
    rows = _tagged("Formal", "shirt", 60) + _tagged("Formal", "", 9) + _tagged("smart_casual", "round", 50)
    rows += _tagged("rare", "hood", 19) + _tagged("", "shirt", 90) + _tagged("smart_casual", "hood", 90, "test")
    learnt = styles.learn(rows, "usage", schema)
    with pytest.raises(UserError, match="column 'use' of --tag is missing: split, usage"):
        styles.learn(rows, "use", schema)
    assert learnt == {"formal": "collar=shirt", "smart casual": "collar=round"}  # colours are as many in each


def test_the_statistic_is_as_documented():
    assert styles.log_odds_z(30, 40, 30, 120) == pytest.approx(5.196, abs=1e-3)
    assert styles.log_odds_z(10, 40, 30, 120) == pytest.approx(0.051, abs=1e-3)


def test_learnt_styles_are_a_table(tmp_path):
    output = tmp_path / "styles.json"
    arguments = ("--labels=data/fashion_products.csv", "--schema=data/photo_schema.json", f"--output={output}")
    result = helpers.run("-m", "amgan_jax.styles", *arguments, "--tag=usage")
    assert result.returncode == 0, result.stderr
    edit = _read("formal style", table=words.read_table([output]))
    assert edit == "sleeve_length=long,collar=shirt,pattern=plain,fastening=buttons"
