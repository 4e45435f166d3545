"""What reads and builds datasets. In a checkout it stands in data/."""

import pathlib

__path__ = [str(pathlib.Path(__file__).parents[2] / "data")]  # an installed package has the files here
