"""BoostedBlob's command line against the gateway, which stands where it looks for Azure."""

import filecmp
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

from checks import check, main

HOME = pathlib.Path(tempfile.mkdtemp())
CLOUD = f"az://{os.environ['ACCOUNT']}/{os.environ['CONTAINER']}"


def bbb(*arguments, fails=False):
    """Runs `bbb`; what it printed."""
    ran = subprocess.run([sys.executable, "-m", "boostedblob", *arguments], capture_output=True, text=True, timeout=120)
    assert (ran.returncode != 0) == fails, f"bbb {' '.join(arguments)}: {ran.stdout} {ran.stderr[-600:]}"
    return ran.stdout + (ran.stderr if fails else "")


def tree(name, files):
    folder = HOME / name
    for path, size in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes((len(path) + at) % 251 for at in range(size)))
    return folder


@check
def a_file_goes_up_is_read_and_comes_down():
    folder = tree("one", {"small.txt": 11, "empty": 0, "large.bin": 9_000_000})
    for name in ["small.txt", "empty", "large.bin"]:
        bbb("cp", str(folder / name), f"{CLOUD}/one/{name}")
        bbb("cp", f"{CLOUD}/one/{name}", str(HOME / f"back-{name}"))
        assert filecmp.cmp(folder / name, HOME / f"back-{name}", shallow=False), name
    assert len(bbb("cat", f"{CLOUD}/one/small.txt")) == 11


@check
def a_tree_is_copied_listed_and_synced():
    folder = tree("many", {f"d{n % 3}/f{n} ü+%.txt": n for n in range(20)})
    bbb("cptree", str(folder), f"{CLOUD}/many")
    assert len(bbb("lstree", f"{CLOUD}/many").split("\n")) == 21
    assert sorted(line.rsplit("/", 2)[1] for line in bbb("ls", f"{CLOUD}/many").split()) == ["d0", "d1", "d2"]
    assert "20" in bbb("du", f"{CLOUD}/many")
    bbb("cptree", f"{CLOUD}/many", str(HOME / "many-back"))
    assert not filecmp.dircmp(folder / "d1", HOME / "many-back" / "d1").diff_files
    next((folder / "d1").iterdir()).unlink()
    bbb("sync", "--delete", str(folder), f"{CLOUD}/many")
    assert len(bbb("lstree", f"{CLOUD}/many").split("\n")) == 20


@check
def a_copy_within_the_cloud_is_made_there():
    bbb("cp", f"{CLOUD}/one/large.bin", f"{CLOUD}/two/large.bin")
    bbb("cp", f"{CLOUD}/two/large.bin", str(HOME / "copied.bin"))
    assert filecmp.cmp(HOME / "one" / "large.bin", HOME / "copied.bin", shallow=False)
    bbb("cptree", f"{CLOUD}/many", f"{CLOUD}/three")
    assert len(bbb("lstree", f"{CLOUD}/three").split("\n")) == 20


@check
def a_link_is_shared():
    if "MSI_ENDPOINT" not in os.environ:
        return
    # Signed with a user-delegation key, in the form of 2018.
    said = bbb("share", f"{CLOUD}/one/small.txt").split()
    url = next(word for word in said if word.startswith("https://"))
    with urllib.request.urlopen(url) as answer:
        assert len(answer.read()) == 11


@check
def files_and_trees_are_removed():
    bbb("rm", f"{CLOUD}/one/empty")
    assert "empty" not in bbb("ls", f"{CLOUD}/one")
    bbb("rmtree", f"{CLOUD}/many")
    bbb("cat", f"{CLOUD}/many/absent", fails=True)
    assert "many" not in bbb("ls", f"{CLOUD}/")


if __name__ == "__main__":
    main()
