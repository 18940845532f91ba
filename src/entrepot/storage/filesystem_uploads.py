# SPDX-License-Identifier: Apache-2.0
"""Uploads on a filesystem (layout: compat.md 2.1; receiving and commit: design "Hard parts")."""

import asyncio
import contextlib
import fcntl
import os
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

from entrepot.oci.errors import BlobUploadUnknown
from entrepot.oci.names import RepositoryName
from entrepot.storage import layout
from entrepot.storage.files import translated
from entrepot.storage.filesystem_links import FilesystemLinks
from entrepot.storage.filesystem_writer import (
    FilesystemUploadWriter,
    Workshop,
    read_side_file,
    write_side_file,
)
from entrepot.storage.hashing import Record
from entrepot.storage.ports import UploadBusy, UploadStatus, UploadWriter
from entrepot.storage.threads import finish


class FilesystemUploads:
    """The ``Uploads`` contract. The lock of an upload is an flock on its data file, which dies with its process."""

    def __init__(self, workshop: Workshop, links: FilesystemLinks) -> None:
        self._shop = workshop
        self._links = links

    async def start(self, name: RepositoryName, algorithm: str) -> UUID:
        self._shop.space.require()
        upload = uuid4()
        await self._ensure_repository(name)
        directory = self._directory(name, upload)
        with translated():
            os.makedirs(directory)
            started = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            write_side_file(f"{directory}/startedat", started.encode())
            if algorithm != "sha256":
                write_side_file(f"{directory}/digests", Record(0, self._shop.boot, (algorithm,)).encode())
            write_side_file(f"{directory}/data", b"")
        return upload

    async def status(self, name: RepositoryName, upload: UUID) -> UploadStatus | None:
        directory = self._directory(name, upload)
        with translated():
            try:
                size = os.stat(f"{directory}/data").st_size
            except (FileNotFoundError, NotADirectoryError):
                self._shop.files.require_root()
                return None
            return UploadStatus(size, started_at(directory))

    @contextlib.asynccontextmanager
    async def open(self, name: RepositoryName, upload: UUID) -> AsyncIterator[UploadWriter]:
        directory = self._directory(name, upload)
        descriptor = self._lock(directory, upload)
        try:
            with translated():
                writer = FilesystemUploadWriter(self._shop, name, upload, directory, descriptor)
        except BaseException:  # the lock would stay for as long as this process lives
            os.close(descriptor)
            raise
        try:
            yield writer
        finally:
            await finish(asyncio.ensure_future(writer.close()))

    async def began_before(self, moment: datetime) -> AsyncIterator[tuple[RepositoryName, UUID]]:
        async for name in self._links.repositories_with_uploads():
            for upload in self._list(name):
                if started_at(self._directory(name, upload)) < moment:
                    yield name, upload

    async def of(self, name: RepositoryName) -> list[UUID]:
        with translated():
            return self._list(name)

    async def remove(self, name: RepositoryName, upload: UUID) -> None:
        directory = self._directory(name, upload)
        try:
            descriptor = self._lock(directory, upload)
        except BlobUploadUnknown:
            shutil.rmtree(directory, ignore_errors=True)
            return
        try:
            shutil.rmtree(directory, ignore_errors=True)
        finally:
            os.close(descriptor)

    async def _ensure_repository(self, name: RepositoryName) -> None:
        """Uploads need not survive a power cut, but links will be made durable only below this directory."""
        directory = self._shop.files.absolute(layout.repository(name))
        if os.path.isdir(directory):
            return

        def make() -> None:
            with translated():
                self._shop.files.ensure_directory(directory)

        await finish(asyncio.get_running_loop().run_in_executor(self._shop.syncing, make))

    def _directory(self, name: RepositoryName, upload: UUID) -> str:
        return self._shop.files.absolute(layout.upload_directory(name, upload))

    def _lock(self, directory: str, upload: UUID) -> int:
        path = f"{directory}/data"
        with translated():
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
            except (FileNotFoundError, NotADirectoryError):
                self._shop.files.require_root()
                raise BlobUploadUnknown(f"upload {upload} is not known: finished, cancelled or expired") from None
        try:
            with translated():
                self._take(descriptor, path, upload)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _take(self, descriptor: int, path: str, upload: UUID) -> None:
        """Lock the open file, which must still be the one of that name. Raises what ``open`` promises."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return
        except BlockingIOError:
            raise UploadBusy from None
        except FileNotFoundError:
            pass
        raise BlobUploadUnknown(f"upload {upload} has just ended")

    def _list(self, name: RepositoryName) -> list[UUID]:
        found = []
        with contextlib.suppress(FileNotFoundError):
            for entry in os.listdir(self._shop.files.absolute(layout.uploads(name))):
                with contextlib.suppress(ValueError):
                    found.append(UUID(entry))
        return found


def started_at(directory: str) -> datetime:
    """When an upload began; where that cannot be read, when its directory was last changed."""
    text = (read_side_file(f"{directory}/startedat") or b"").decode("ascii", "replace").strip()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            return datetime.fromtimestamp(os.stat(directory).st_mtime, UTC)
        except OSError:
            return datetime.now(UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
