"""The size of the core, installed from `requirements/core.txt` into a throw-away environment, beside Inspect.

Needs the package index, or its cache. Two sizes are given, sums of file sizes in 10^6 bytes: as uv installs,
and with bytecode compiled, as pip does and as every used installation ends. Inspect is installed at the
versions of `requirements/bench.txt`, with pandas and pyarrow, which its data frames of logs need.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET_MB = 300
CORE = (["--no-deps", "--require-hashes", "-r", "requirements/core.txt"], ["--no-deps", "."])
PEER = (["-c", "requirements/bench.txt", "inspect-ai", "pandas", "pyarrow"],)


def megabytes(folder: Path) -> float:
    """Return the size of all files below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / 1e6


def install(folder: Path, steps: tuple[list[str], ...]) -> Path:
    """Install into a new environment and return its folder of packages."""
    uv = str(ROOT / ".venv" / "bin" / "uv")
    environment = os.environ | {"VIRTUAL_ENV": str(folder)}
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(folder)], check=True)
    for words in steps:
        command = [uv, "pip", "install", "-q", "--no-compile-bytecode", "--link-mode", "copy", *words]
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    return packages


def measure(folder: Path, steps: tuple[list[str], ...]) -> dict[str, float]:
    """Install and return the two sizes."""
    packages = install(folder, steps)
    plain = megabytes(packages)
    compiling = [str(folder / "bin" / "python"), "-m", "compileall", "-q", str(packages)]
    subprocess.run(compiling, check=False, capture_output=True)
    return {"installed_mb": round(plain, 1), "with_bytecode_mb": round(megabytes(packages), 1)}


def main() -> int:
    """Install, measure, and print a table, or with `--json` one document."""
    with tempfile.TemporaryDirectory() as name:
        core = measure(Path(name) / "core", CORE)
        program = Path(name) / "core" / "bin" / "consilience"
        subprocess.run([program, "--version"], check=True, stdout=subprocess.DEVNULL)
        packages = next((Path(name) / "core").glob("lib/python*/site-packages"))
        parts = {path.name: megabytes(path) for path in packages.iterdir() if path.is_dir()}
        peer = measure(Path(name) / "peer", PEER)
    met = {key: value <= TARGET_MB for key, value in core.items()}
    if "--json" in sys.argv:
        print(json.dumps({"core": core, "inspect": peer, "target_mb": TARGET_MB, "met": met}, indent=2))
        return 0
    for key, words in (("installed_mb", "as uv installs"), ("with_bytecode_mb", "with bytecode")):
        verdict = f"core <= {TARGET_MB} MB: {'met' if met[key] else 'not met'}"
        print(f"{words:16} core {core[key]:6.1f} MB   Inspect {peer[key]:6.1f} MB   {verdict}")
    largest = sorted(parts.items(), key=lambda entry: -entry[1])[:4]
    print("largest, with bytecode: " + ", ".join(f"{package} {size:.0f} MB" for package, size in largest))
    return 0


if __name__ == "__main__":
    sys.exit(main())
