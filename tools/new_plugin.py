"""Write the package of a new plugin: `tools/new_plugin.py` is the same as `salkit new-plugin`."""

from salkit.cli import run_script

if __name__ == '__main__':
    run_script(__file__)
