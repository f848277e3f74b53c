# SPDX-License-Identifier: GPL-3.0-or-later
"""A network disk to test on: a mount that mirrors a folder, waits before each operation and writes down who asks.

It speaks the protocol of FUSE (linux/fuse.h) with the kernel, so it needs /dev/fuse, root, and no package. Two mounts
of one folder are two machines: each has a cache of its own, as clients of a file server have. A name or attributes that
the kernel has asked for stay known for `cache` seconds, and so does that a name is not there; opening a file asks anew.
As between clients of NFS 3 without its lock daemon, locks hold on one mount only, and a file is appended to where the
client believes its end to be.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import json
import os
import signal
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

THREADS = 24
_MAX_WRITE = 1 << 17  # bytes of one write
_DETACH = 2  # MNT_DETACH of umount2

_IN = struct.Struct("<IIQQIIIHH")
_OUT = struct.Struct("<IiQ")
_INIT = struct.Struct("<IIIIHHIIHHI28x")
_ATTRIBUTES = struct.Struct("<6Q10I")
_VALID = struct.Struct("<QII")
_ENTRY = struct.Struct("<QQQQII")
_OPENED = struct.Struct("<QII")
_SET = struct.Struct("<IIQQQQQQIIIIIIII")
_READ = struct.Struct("<QQIIQII")
_ENTRY_OF_FOLDER = struct.Struct("<QQII")
_STATFS = struct.Struct("<5Q4I24x")

_FEATURES = 1 | 1 << 3 | 1 << 5 | 1 << 18  # reads in parallel, O_TRUNC in open, large writes, folders in parallel
_INVALIDATE = 2  # FUSE_NOTIFY_INVAL_INODE


class Operation(NamedTuple):
    """What the file server was asked: at `time`, on the clock of `time.monotonic`, by the process `pid`."""

    time: float
    pid: int
    kind: str
    path: str  # in the folder


class SlowDisk:
    """A mount of `folder` at `place`, served by another process while the context lasts."""

    def __init__(self, folder: Path, place: Path, trace: Path, *, delay: float = 0.0, cache: float = 0.0) -> None:
        """`delay`: seconds before each operation; `cache`: seconds for which the client believes what it has asked."""
        self.place = place
        self._trace = trace
        options = [f"--delay={delay}", f"--cache={cache}", f"--trace={trace}"]
        self._command = [sys.executable, __file__, str(folder), str(place), *options]

    def __enter__(self) -> SlowDisk:
        """Raises OSError where nothing can be mounted."""
        self.place.mkdir(parents=True, exist_ok=True)
        self._server = subprocess.Popen(self._command, stderr=subprocess.PIPE, text=True)
        while not os.path.ismount(self.place):
            if self._server.poll() is not None:
                assert self._server.stderr is not None
                raise OSError(errno.EPERM, self._server.stderr.read().strip())
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.terminate()
        self._server.wait()
        if self._server.stderr is not None:
            self._server.stderr.close()
        if os.path.ismount(self.place):
            _unmount(self.place)

    @property
    def operations(self) -> list[Operation]:
        """All so far."""
        with open(self._trace, encoding="utf-8") as file:
            return [Operation(*json.loads(line)) for line in file if line.endswith("\n")]


class _Node:
    """An inode that the kernel knows: a descriptor without the right to read or write, and where it was found last."""

    def __init__(self, descriptor: int, key: tuple[int, int], path: str) -> None:
        self.descriptor, self.key, self.path = descriptor, key, path
        self.known = 0  # how often the kernel has been told of it, and has not forgotten it

    @property
    def link(self) -> str:
        """A path that leads to the inode, whatever it is called now."""
        return f"/proc/self/fd/{self.descriptor}"


class Server:
    """Answers the kernel. Each method of an operation takes the id of the node and the body, and returns the reply."""

    def __init__(self, folder: Path, delay: float, cache: float, trace: Path) -> None:
        root = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        status = os.fstat(root)
        self._delay = delay
        self._cache = int(cache), int(cache % 1 * 1e9)
        self._trace = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        self._lock = threading.Lock()
        first = _Node(root, (status.st_dev, status.st_ino), "")
        first.known = 1
        self._nodes = {1: first}
        self._ids = {first.key: 1}
        self._next = 2
        self._lists: dict[int, list[tuple[str, int, int]]] = {}
        self._device = os.open("/dev/fuse", os.O_RDWR)
        self._operations: dict[int, tuple[str, Callable[[int, bytes], bytes]]] = {
            1: ("lookup", self._lookup),
            3: ("getattr", self._getattr),
            4: ("setattr", self._setattr),
            8: ("mknod", self._mknod),
            9: ("mkdir", self._mkdir),
            10: ("unlink", lambda node, body: self._remove(os.unlink, node, body)),
            11: ("rmdir", lambda node, body: self._remove(os.rmdir, node, body)),
            12: ("rename", lambda node, body: self._rename(node, body, 8)),
            13: ("link", self._link),
            14: ("open", self._open),
            15: ("read", self._read),
            16: ("write", self._write),
            17: ("statfs", self._statfs),
            18: ("release", self._release),
            20: ("fsync", self._fsync),
            25: ("flush", lambda node, body: b""),
            27: ("opendir", self._opendir),
            28: ("readdir", self._readdir),
            29: ("releasedir", self._releasedir),
            30: ("fsyncdir", self._fsyncdir),
            35: ("create", self._create),
            45: ("rename", lambda node, body: self._rename(node, body, 16)),
        }

    def mount(self, place: Path) -> None:
        """Raises OSError."""
        options = f"fd={self._device},rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions"
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(b"slow_disk", os.fsencode(place), b"fuse.slow_disk", 0, options.encode()):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(place))

    def serve(self) -> None:
        """Answer until the disk is unmounted."""
        buffer = bytearray(_MAX_WRITE + (1 << 13))
        while True:
            try:
                size = os.readv(self._device, [buffer])
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.EINTR, errno.EAGAIN):  # the asking process was killed
                    continue
                return
            _, code, unique, node, _, _, pid, _, _ = _IN.unpack_from(buffer)
            body = bytes(memoryview(buffer)[_IN.size : size])
            if code in (2, 42):
                self._forget(code, node, body)
            elif code != 36:  # INTERRUPT: the answer comes soon anyway
                self._answer(code, unique, node, pid, body)

    def _answer(self, code: int, unique: int, node: int, pid: int, body: bytes) -> None:
        failed, reply = 0, b""
        try:
            if code == 26:
                reply = self._init(body)
            elif code not in self._operations:
                failed = errno.ENOSYS
            else:
                kind, operation = self._operations[code]
                self._note(kind, pid, node, body, code)
                if kind not in ("release", "releasedir"):
                    time.sleep(self._delay)
                reply = operation(node, body)
        except OSError as error:
            failed, reply = error.errno or errno.EIO, b""
        try:
            os.writev(self._device, [_OUT.pack(_OUT.size + len(reply), -failed, unique), reply])
        except OSError:
            pass  # nobody waits for it any more

    def _note(self, kind: str, pid: int, node: int, body: bytes, code: int) -> None:
        path = self._nodes[node].path
        offset = {1: 0, 8: 16, 9: 8, 10: 0, 11: 0, 12: 8, 13: 8, 35: 16, 45: 16}.get(code)
        if offset is not None:
            path = f"{path}/{_names(body[offset:])[-1]}"
        line = json.dumps([time.monotonic(), pid, kind, path.lstrip("/")])
        os.write(self._trace, f"{line}\n".encode())

    def _init(self, body: bytes) -> bytes:
        (readahead,) = struct.unpack_from("<I", body, 8)
        (offered,) = struct.unpack_from("<I", body, 12)
        return _INIT.pack(7, 31, readahead, offered & _FEATURES, 64, 48, _MAX_WRITE, 1, 0, 0, 0)

    # Nodes

    def _known(self, descriptor: int, path: str) -> bytes:
        """Tell the kernel of the inode, which takes over its descriptor."""
        status = os.fstat(descriptor)
        key = status.st_dev, status.st_ino
        with self._lock:
            id = self._ids.get(key)
            if id is None:
                id, self._next = self._next, self._next + 1
                self._nodes[id] = _Node(descriptor, key, path)
                self._ids[key] = id
            else:
                os.close(descriptor)
                self._nodes[id].path = path
            self._nodes[id].known += 1
        seconds, rest = self._cache
        return _ENTRY.pack(id, 0, seconds, seconds, rest, rest) + _attributes(status)

    def _forget(self, code: int, node: int, body: bytes) -> None:
        forgotten = [(node, *struct.unpack_from("<Q", body))] if code == 2 else struct.iter_unpack("<QQ", body[8:])
        with self._lock:
            for id, times in forgotten:
                found = self._nodes.get(id)
                if found is None or id == 1:
                    continue
                found.known -= times
                if found.known <= 0:
                    os.close(found.descriptor)
                    del self._nodes[id], self._ids[found.key]

    def _entry(self, node: int, name: str) -> bytes:
        parent = self._nodes[node]
        descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=parent.descriptor)
        return self._known(descriptor, f"{parent.path}/{name}")

    def _lookup(self, node: int, body: bytes) -> bytes:
        try:
            return self._entry(node, _names(body)[0])
        except FileNotFoundError:
            seconds, rest = self._cache
            if not (seconds or rest):
                raise
            return _ENTRY.pack(0, 0, seconds, 0, rest, 0) + bytes(_ATTRIBUTES.size)

    def _stated(self, node: int) -> bytes:
        seconds, rest = self._cache
        return _VALID.pack(seconds, rest, 0) + _attributes(os.fstat(self._nodes[node].descriptor))

    def _getattr(self, node: int, body: bytes) -> bytes:
        return self._stated(node)

    def _setattr(self, node: int, body: bytes) -> bytes:
        valid, _, _, size, _, atime, mtime, _, atime_ns, mtime_ns, _, mode, _, uid, gid, _ = _SET.unpack_from(body)
        link = self._nodes[node].link
        if valid & 1:
            os.chmod(link, stat.S_IMODE(mode))
        if valid & 6:
            os.chown(link, uid if valid & 2 else -1, gid if valid & 4 else -1)
        if valid & 8:
            os.truncate(link, size)
        if valid & (16 | 32):
            now = time.time_ns()  # the clock of the server
            status = os.stat(link)
            accessed = now if valid & 128 else atime * 10**9 + atime_ns
            modified = now if valid & 256 else mtime * 10**9 + mtime_ns
            times = accessed if valid & 16 else status.st_atime_ns, modified if valid & 32 else status.st_mtime_ns
            os.utime(link, ns=times)
        return self._stated(node)

    # Names

    def _mknod(self, node: int, body: bytes) -> bytes:
        mode, _, umask = struct.unpack_from("<III", body)
        name = _names(body[16:])[0]
        os.mknod(name, mode & ~umask, dir_fd=self._nodes[node].descriptor)
        return self._entry(node, name)

    def _mkdir(self, node: int, body: bytes) -> bytes:
        mode, umask = struct.unpack_from("<II", body)
        name = _names(body[8:])[0]
        os.mkdir(name, mode & ~umask, dir_fd=self._nodes[node].descriptor)
        return self._entry(node, name)

    def _remove(self, how: Callable[..., None], node: int, body: bytes) -> bytes:
        how(_names(body)[0], dir_fd=self._nodes[node].descriptor)
        return b""

    def _rename(self, node: int, body: bytes, head: int) -> bytes:
        (target,) = struct.unpack_from("<Q", body)
        if head == 16 and struct.unpack_from("<I", body, 8)[0]:
            raise OSError(errno.EINVAL, "rename with flags")
        old, new = _names(body[head:])
        into = self._nodes[target]
        os.rename(old, new, src_dir_fd=self._nodes[node].descriptor, dst_dir_fd=into.descriptor)
        return b""

    def _link(self, node: int, body: bytes) -> bytes:
        (old,) = struct.unpack_from("<Q", body)
        name = _names(body[8:])[0]
        os.link(self._nodes[old].link, name, dst_dir_fd=self._nodes[node].descriptor, follow_symlinks=True)
        return self._entry(node, name)

    # Files

    def _open(self, node: int, body: bytes) -> bytes:
        (flags,) = struct.unpack_from("<I", body)
        descriptor = os.open(self._nodes[node].link, flags & ~(os.O_APPEND | os.O_NOFOLLOW))
        self._invalidate(node)
        return _OPENED.pack(descriptor, 0, 0)

    def _invalidate(self, node: int) -> None:
        """Let the kernel ask anew for the attributes of a file that is opened."""
        body = struct.pack("<Qqq", node, -1, 0)
        try:
            os.writev(self._device, [_OUT.pack(_OUT.size + len(body), _INVALIDATE, 0), body])
        except OSError:
            pass  # it has forgotten the file

    def _create(self, node: int, body: bytes) -> bytes:
        flags, mode, umask = struct.unpack_from("<III", body)
        name = _names(body[16:])[0]
        folder = self._nodes[node].descriptor
        descriptor = os.open(name, (flags | os.O_CREAT) & ~os.O_APPEND, mode & ~umask, dir_fd=folder)
        return self._entry(node, name) + _OPENED.pack(descriptor, 0, 0)

    def _read(self, node: int, body: bytes) -> bytes:
        descriptor, offset, size, *_ = _READ.unpack_from(body)
        return os.pread(descriptor, size, offset)

    def _write(self, node: int, body: bytes) -> bytes:
        descriptor, offset, size, *_ = _READ.unpack_from(body)
        done = os.pwrite(descriptor, body[_READ.size : _READ.size + size], offset)
        return struct.pack("<II", done, 0)

    def _release(self, node: int, body: bytes) -> bytes:
        os.close(*struct.unpack_from("<Q", body))
        return b""

    def _fsync(self, node: int, body: bytes) -> bytes:
        os.fsync(*struct.unpack_from("<Q", body))
        return b""

    # Folders

    def _opendir(self, node: int, body: bytes) -> bytes:
        descriptor = os.open(self._nodes[node].link, os.O_RDONLY | os.O_DIRECTORY)
        names = [(".", stat.S_IFDIR, 1), ("..", stat.S_IFDIR, 1)]
        with os.scandir(descriptor) as entries:
            for entry in entries:
                kind = stat.S_IFDIR if entry.is_dir(follow_symlinks=False) else stat.S_IFREG
                names.append((entry.name, kind, entry.inode()))
        with self._lock:
            self._lists[descriptor] = names
        return _OPENED.pack(descriptor, 0, 0)

    def _readdir(self, node: int, body: bytes) -> bytes:
        descriptor, offset, size, *_ = _READ.unpack_from(body)
        reply = bytearray()
        for place, (text, kind, inode) in enumerate(self._lists[descriptor][offset:], offset + 1):
            name = os.fsencode(text)
            entry = _ENTRY_OF_FOLDER.pack(inode, place, len(name), kind >> 12) + name
            entry += bytes(-len(entry) % 8)
            if len(reply) + len(entry) > size:
                break
            reply += entry
        return bytes(reply)

    def _releasedir(self, node: int, body: bytes) -> bytes:
        (descriptor,) = struct.unpack_from("<Q", body)
        with self._lock:
            del self._lists[descriptor]
        os.close(descriptor)
        return b""

    def _fsyncdir(self, node: int, body: bytes) -> bytes:
        return self._fsync(node, body)

    def _statfs(self, node: int, body: bytes) -> bytes:
        found = os.statvfs(self._nodes[node].link)
        counts = found.f_blocks, found.f_bfree, found.f_bavail, found.f_files, found.f_ffree
        return _STATFS.pack(*counts, found.f_bsize, found.f_namemax, found.f_frsize, 0)


def _names(body: bytes) -> list[str]:
    return [os.fsdecode(name) for name in body.split(b"\0")[:-1]]


def _attributes(status: os.stat_result) -> bytes:
    times = [status.st_atime_ns, status.st_mtime_ns, status.st_ctime_ns]
    return _ATTRIBUTES.pack(
        status.st_ino,
        status.st_size,
        status.st_blocks,
        *(value // 10**9 for value in times),
        *(value % 10**9 for value in times),
        status.st_mode,
        status.st_nlink,
        status.st_uid,
        status.st_gid,
        status.st_rdev,
        status.st_blksize,
        0,
    )


def _unmount(place: Path) -> None:
    ctypes.CDLL(None).umount2(os.fsencode(place), _DETACH)


def main() -> int:
    parser = argparse.ArgumentParser(description="Mount a folder as a slow disk until a signal, or the parent's end.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("place", type=Path, help="an empty folder to mount it at")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each operation")
    parser.add_argument("--cache", type=float, default=0.0, help="seconds for which the client believes what it knows")
    parser.add_argument("--trace", type=Path, default=Path(os.devnull), help="a file for the operations, as JSON lines")
    options = parser.parse_args()
    place, parent = options.place.absolute(), os.getppid()
    try:
        server = Server(options.folder, options.delay, options.cache, options.trace)
        server.mount(place)
    except OSError as error:
        print(error, file=sys.stderr)
        return 1

    def leave(*_: object) -> None:
        _unmount(place)
        os._exit(0)  # what still uses the mount gets an error; other namespaces may hold it for a while

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)
    threads = [threading.Thread(target=server.serve, daemon=True) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.2)
        if os.getppid() != parent:
            leave()  # whoever has made the mount was killed
    return 0


if __name__ == "__main__":
    sys.exit(main())
