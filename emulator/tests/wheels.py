"""Small wheels, so that a test can install packages without an index."""

import zipfile
from pathlib import Path


def write_wheel(folder: Path, name: str, version: str, **more: str) -> Path:
    """Write a wheel with a module that has a `version`, and a script that prints it.

    Args:
        folder: Where it is written.
        name: Of the package, its module and its script.
        version: Its version, such as 1.0.
        more: Contents of further files, by names whose dots are written `_`.
    """
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": f"version = {version!r}\ndef main():\n    print(version)\n",
        f"{name}/of_{version.replace('.', '_')}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {name}:main\n",
        **{name.replace("_", "."): content for name, content in more.items()},
    }
    record = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in {**files, f"{info}/RECORD": record}.items():
            wheel.writestr(file, text)
    return path
