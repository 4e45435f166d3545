"""Small trees of files in the layouts that datasets are published in."""

import csv

import numpy as np
from PIL import Image

_FINE = {"texture": ["floral", "solid"], "sleeve": ["long_sleeve", "sleeveless", "short_sleeve"],
         "length": ["maxi_length", "no_dress"], "neck": ["v_neckline", "no_neckline"],
         "fabric": ["denim", "cotton"], "fit": ["tight", "loose"]}  # fmt: skip
_SHOP_COLORS = {"rot": (250, 0, 0), "grün": (0, 250, 0), "blau": (0, 0, 250)}
_FACES = ["Bangs", "Black_Hair", "Blond_Hair", "Brown_Hair", "Eyeglasses", "Gray_Hair", "Male", "No_Beard",
          "Smiling", "Straight_Hair", "Wavy_Hair", "Wearing_Hat", "Young"]  # fmt: skip


def picture(path, color, size=(40, 40)):
    """A picture of one color."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path)


def boxed(path, box):
    """A white picture with a blue box in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (100, 200), (255, 255, 255))
    image.paste((0, 0, 200), box)
    image.save(path, quality=95)


def write_csv(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def counted(path, columns, rows):
    """A file whose first line counts its rows and whose second names the columns."""
    rows = list(rows)
    path.write_text("\n".join([str(len(rows)), columns, *rows]) + "\n")


def write_shop(folder):
    """Thirty photos in nested folders with spaces and accents, a labels.csv with empty cells."""
    rows = [["image", "Farbe", "größe"]]
    for i in range(30):
        name = f"Blusen {i % 3}/été {i}.jpg"
        color = list(_SHOP_COLORS)[i % 3]
        # Each its own shade: equal pictures must not be in two splits.
        picture(folder / name, tuple(max(0, c - i) for c in _SHOP_COLORS[color]), (40 + i, 60))
        rows.append([name, color, ("klein", "", "groß")[i // 2 % 3]])
    write_csv(folder / "labels.csv", rows)


def write_fine(folder, labels):
    """DeepFashion's fine annotation, of the rows of each split's labels."""
    annotation = folder / "Anno_fine"
    annotation.mkdir()
    values = [f"{value} {group}" for group, names in enumerate(_FINE.values(), start=1) for value in names]
    counted(annotation / "list_attr_cloth.txt", "attribute_name attribute_type", values)
    for split, rows in labels.items():
        paths = [f"img/Sheer Blouse/{split}_{i:08d}.jpg" for i in range(len(rows))]
        for i, path in enumerate(paths):
            boxed(folder / "Img" / path, (20 + i, 60, 80, 137 + len(split)))  # equal in no two splits
        (annotation / f"{split}.txt").write_text("\n".join(paths) + "\n")
        (annotation / f"{split}_attr.txt").write_text("".join(f"{row}\n" for row in rows))
        (annotation / f"{split}_bbox.txt").write_text("".join(f"{20 + i} 060 080 140\n" for i, _ in enumerate(rows)))


def write_shopping(folder, labels):
    """Shopping100k, of the rows of each split's labels, with two queries of its test photos."""
    (folder / "attr_num.txt").write_text("2\n3\n")
    for name, rows in labels.items():
        paths = [f"{name} dir/{i}.jpg" for i in range(len(rows))]
        for i, path in enumerate(paths):
            picture(folder / "Images" / path, (4 * i, 30, 100 if name == "test" else 200))
        (folder / f"imgs_{name}.txt").write_text("\n".join(paths) + "\n")
        (folder / f"labels_{name}.txt").write_text("\n".join(rows) + "\n")
    (folder / "ref_test.txt").write_text("1\n0\n")
    (folder / "indfull_test.txt").write_text("1 -1 0 0 0\n-1 1 0 0 0\n")
    (folder / "gt_test.txt").write_text("1 0 1 0 0\n0 1 1 0 0\n")


def write_faces(folder, present, splits):
    """CelebA, of the names that each face has and the number of its split."""
    rows = [
        f"{i:06d}.jpg {' '.join(' 1' if n in here else '-1' for n in _FACES)}"
        for i, here in enumerate(present, start=1)
    ]
    counted(folder / "list_attr_celeba.txt", " ".join(_FACES), rows)
    (folder / "list_eval_partition.txt").write_text(
        "".join(f"{i:06d}.jpg {split}\n" for i, split in enumerate(splits, start=1))
    )
    for i in range(len(present)):
        picture(folder / "img_align_celeba" / f"{i + 1:06d}.jpg", (80 * i % 256, 0, i), (178, 218))


def write_shapes(folder, count):
    """3D Shapes: noise, as bright as its shape's number."""
    import h5py  # which training on photos does not need

    rng = np.random.default_rng(0)
    labels = np.stack(
        [
            rng.integers(0, 10, count) / 10, rng.integers(0, 10, count) / 10, rng.integers(0, 10, count) / 10,
            rng.choice(np.linspace(0.75, 1.25, 8), count), rng.integers(0, 4, count),
            rng.choice(np.linspace(-30, 30, 15), count),
        ],
        axis=1,
    )  # fmt: skip
    image = rng.random((count, 64, 64, 3)) * 20 + labels[:, 4, None, None, None] * 60
    with h5py.File(folder / "3dshapes.h5", "w") as file:
        file["images"] = np.round(image).astype(np.uint8)
        file["labels"] = labels
