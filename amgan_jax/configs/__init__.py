"""The project's configs as modules, whatever else is called configs. In a checkout they stand in configs/."""

import pathlib

__path__ = [str(pathlib.Path(__file__).parents[2] / "configs")]  # an installed package has the files here
