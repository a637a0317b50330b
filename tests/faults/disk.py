"""A disk under SQLite that dies, fails or forgets: file systems for APSW that take the default's place."""

import apsw

PLAIN = "unix"
_AT_ONCE = 65_536
"""Of a longer write SQLite's own file system does a part, and calls the disk full."""


class File(apsw.VFSFile):
    """A file whose writes and syncs are told to the disk before they are done."""

    def __init__(self, disk, name, flags):
        super().__init__(PLAIN, name, flags)
        self.disk = disk
        self.name = name.filename() if isinstance(name, apsw.URIFilename) else name or ""

    def xWrite(self, data, offset):  # noqa: N802 -- its parent's name
        self.disk.told("write", self.name)
        super().xWrite(data, offset)

    def xSync(self, flags):  # noqa: N802 -- its parent's name
        self.disk.told("sync", self.name)
        super().xSync(flags)


class Disk(apsw.VFS):
    """A disk on which a function is called, by operation and file, before each write and sync."""

    def __init__(self, told):
        super().__init__("faulty", PLAIN, makedefault=True)
        self.told = told

    def xOpen(self, name, flags):  # noqa: N802 -- its parent's name
        return File(self, name, flags)


class Forgetful(apsw.VFS):
    """A disk that keeps what was synced, and forgets the rest when the process dies."""

    def __init__(self):
        super().__init__("forgetful", PLAIN, makedefault=True)
        self.images = {}

    def xOpen(self, name, flags):  # noqa: N802 -- its parent's name
        return Cached(self.images, name, flags)

    def xDelete(self, filename, syncdir):  # noqa: N802 -- its parent's name
        self.images.pop(filename, None)
        super().xDelete(filename, syncdir)


class Cached(apsw.VFSFile):
    """A file that is in memory, all connections seeing the same, until it is synced."""

    def __init__(self, images, name, flags):
        super().__init__(PLAIN, name, flags)
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if path not in images:
            images[path] = bytearray(super().xRead(super().xFileSize(), 0))
        self.image = images[path]

    def xRead(self, amount, offset):  # noqa: N802 -- its parent's name
        return bytes(self.image[offset : offset + amount])

    def xWrite(self, data, offset):  # noqa: N802 -- its parent's name
        self.image.extend(bytes(max(0, offset - len(self.image))))
        self.image[offset : offset + len(data)] = data

    def xTruncate(self, size):  # noqa: N802 -- its parent's name
        del self.image[size:]

    def xFileSize(self):  # noqa: N802 -- its parent's name
        return len(self.image)

    def xSync(self, flags):  # noqa: N802 -- its parent's name
        super().xTruncate(len(self.image))
        for start in range(0, len(self.image), _AT_ONCE):
            super().xWrite(bytes(self.image[start : start + _AT_ONCE]), start)
        super().xSync(flags)


def failing(every):
    """Return what fails each so-manieth operation of a kind, once it is told to begin."""
    seen = dict.fromkeys(every, 0)

    def told(operation, _name):
        if operation not in seen or not told.armed:
            return
        seen[operation] += 1
        if seen[operation] % every[operation] == 0:
            told.failures += 1
            raise apsw.IOError(f"the {seen[operation]}th {operation}")

    told.armed, told.failures = True, 0
    return told
