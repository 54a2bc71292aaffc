"""What the script `dbt` does, as a module that a process can run."""

from dbt.cli.main import cli

if __name__ == "__main__":
    cli()
