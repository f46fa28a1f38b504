"""Small faults that the tests must find: `mutants.toml` lists them, `python -m tests.mutants` tries them one by one."""
