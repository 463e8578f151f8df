from importlib import metadata


def test_all_packages_are_installed_from_wheels_of_the_registry() -> None:
    """A plain machine, and a slim image, have no compiler."""
    compiled = [
        distribution.name
        for distribution in metadata.distributions()
        for line in (distribution.read_text("WHEEL") or "").splitlines()
        # What PyPI gives out for Linux is a manylinux or musllinux wheel.
        if line.startswith("Tag: ") and "-linux_" in line
    ]
    assert compiled == []
