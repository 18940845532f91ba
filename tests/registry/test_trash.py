# SPDX-License-Identifier: Apache-2.0
"""What dies with a tag or a manifest, what lives on, and how it comes back."""

import pytest

from entrepot.index.deeds import Deed
from entrepot.oci.callers import THE_REGISTRY, Caller
from entrepot.oci.digests import Digest
from entrepot.oci.errors import ManifestBlobUnknown, ManifestUnknown, NameUnknown
from entrepot.oci.names import RepositoryName, Tag
from entrepot.registry.adoption import Adoption, take_turns
from entrepot.registry.registry import Registry
from support import images
from support.houses import House, differences, plant, push, push_manifest, read_blob
from support.rooms import NAME, OTHER

LATEST, OLD = Tag("latest"), Tag("old")
SOMEBODY = Caller(actor="somebody")


async def trashed(registry: Registry, name: RepositoryName = NAME) -> set[Digest]:
    """The manifests in the trash of a repository."""
    return {entry.digest for entry in await registry.trash.page(name, "", 100)}


async def listed(registry: Registry) -> list[RepositoryName]:
    """The catalog."""
    return list((await registry.catalogue.repositories("", 100)).entries)


async def tags(registry: Registry, name: RepositoryName = NAME) -> list[Tag]:
    """The tags of a repository."""
    return list((await registry.catalogue.tags(name, "", -1)).entries)


@pytest.fixture(autouse=True)
async def whole(house: House) -> None:
    """All that storage holds is known."""
    await house.index.completeness.mark_whole()


async def test_the_last_tag_of_an_image(house: House, registry: Registry) -> None:
    """An image whose last tag went is in the trash: not listed, still pulled by digest with its blobs."""
    content = images.image()
    digest = await push(registry, NAME, content, "latest", "old")
    await registry.manifests.untag(NAME, LATEST, SOMEBODY)
    assert await trashed(registry) == set()
    assert await listed(registry) == [NAME]
    await registry.manifests.untag(NAME, OLD, SOMEBODY)
    assert await trashed(registry) == {digest}
    assert await listed(registry) == []
    assert list(await registry.catalogue.search("")) == []
    assert (await registry.manifests.get(NAME, digest)).payload == content.data
    assert await read_blob(registry, NAME, Digest(content.blobs[0].digest)) == content.blobs[0].data
    [entry] = await registry.trash.page(NAME, "", 10)
    assert (entry.actor, entry.linked) == ("somebody", True)
    assert entry.due_at - entry.trashed_at == pytest.approx(14 * 24 * 3600)
    assert await differences(house) == []


async def test_an_index_takes_its_children_along(registry: Registry) -> None:
    """With an index go its children, but those that a tag or another index keeps; its referrers go, and theirs."""
    kept, shared, alone = images.image(), images.image(), images.image()
    index, other = images.index([kept, shared, alone]), images.index([shared])
    await push(registry, NAME, index, "latest")
    await push(registry, NAME, other, "other")
    await push_manifest(registry, NAME, kept, "kept")
    signature = images.artifact(subject=index)
    of_signature = images.artifact(subject=signature)
    tagged = images.artifact(subject=index)
    await push(registry, NAME, signature)
    await push(registry, NAME, of_signature)
    await push(registry, NAME, tagged, "tagged")
    subject = Digest(index.digest)
    assert len((await registry.catalogue.referrers(NAME, subject, None, "")).entries) == 2
    await registry.manifests.untag(NAME, LATEST)
    dead = {index.digest, alone.digest, signature.digest, of_signature.digest}
    assert await trashed(registry) == dead
    referrers = (await registry.catalogue.referrers(NAME, subject, None, "")).entries
    assert [one.manifest.digest for one in referrers] == [tagged.digest]
    await registry.manifests.untag(NAME, Tag("other"))
    assert await trashed(registry) == {*dead, other.digest, shared.digest}


async def test_a_referrer_lives_by_its_subject(registry: Registry) -> None:
    """A referrer that loses its tag stays while its subject lives."""
    image = images.image()
    signature = images.artifact(subject=image)
    await push(registry, NAME, image, "latest")
    await push(registry, NAME, signature, "signature")
    await registry.manifests.untag(NAME, Tag("signature"))
    assert await trashed(registry) == set()
    await registry.manifests.untag(NAME, LATEST)
    assert await trashed(registry) == {image.digest, signature.digest}


async def test_overwritten_and_pushed_by_digest(registry: Registry) -> None:
    """What lost its tag by another push, or never had one, does not go to the trash."""
    first, second, untagged = images.image(), images.image(), images.image()
    await push(registry, NAME, first, "latest")
    await push(registry, NAME, untagged)
    await push(registry, NAME, second, "latest")
    assert await trashed(registry) == set()
    await registry.manifests.untag(NAME, LATEST)
    assert await trashed(registry) == {second.digest}


async def test_another_repository_is_not_concerned(registry: Registry) -> None:
    """The same image in another repository lives on when it dies here."""
    index = images.index()
    for name in (NAME, OTHER):
        await push(registry, name, index, "latest")
    await registry.manifests.untag(NAME, LATEST)
    assert await trashed(registry) == {index.digest, *(child.digest for child in index.children)}
    assert await trashed(registry, OTHER) == set()


async def test_a_push_revives(house: House, registry: Registry) -> None:
    """Pushing an index again revives it with the children and referrers that it keeps; so does a tag on a child."""
    index = images.index()
    signature = images.artifact(subject=index)
    await push(registry, NAME, index, "latest")
    await push(registry, NAME, signature)
    await registry.manifests.untag(NAME, LATEST)
    assert len(await trashed(registry)) == 4
    await push_manifest(registry, NAME, index.children[0], "child")
    assert index.children[0].digest not in await trashed(registry)
    await push_manifest(registry, NAME, index)
    assert await trashed(registry) == set()
    assert await listed(registry) == [NAME]
    assert len((await registry.catalogue.referrers(NAME, Digest(index.digest), None, "")).entries) == 1
    assert await differences(house) == []


async def test_purged(registry: Registry) -> None:
    """What is purged is not in the trash and cannot be restored: neither what was named nor what it alone kept."""
    index = images.index()
    await push(registry, NAME, index, "latest")
    assert len(await listed(registry)) == 1
    await registry.manifests.remove(NAME, Digest(index.digest), purge=True)
    assert await trashed(registry) == set()
    for gone in index.walk():
        with pytest.raises(ManifestUnknown, match="not in the trash"):
            await registry.trash.restore_manifest(NAME, Digest(gone.digest), THE_REGISTRY)
        with pytest.raises(ManifestUnknown, match="cannot be restored"):
            await registry.trash.restore_tag(NAME, LATEST, Digest(gone.digest), THE_REGISTRY)
    with pytest.raises(NameUnknown):
        await registry.trash.restore_repository(NAME, THE_REGISTRY)


async def test_restore_a_deleted_tag(house: House, registry: Registry) -> None:
    """A deleted tag comes back with its image, which is listed again; history tells of push, deletion and return."""
    content = images.image()
    digest = await push(registry, NAME, content, "latest")
    await registry.manifests.untag(NAME, LATEST, SOMEBODY)
    restored = await registry.trash.restore_tag(NAME, LATEST, None, SOMEBODY)
    assert restored.digest == digest
    assert (await registry.manifests.get(NAME, LATEST)).payload == content.data
    assert await trashed(registry) == set()
    moves = await registry.trash.history(NAME, LATEST, 1 << 40, 10)
    assert [(move.action, move.old, move.new, move.actor) for move in moves] == [
        ("restore", None, digest, "somebody"),
        ("delete", digest, None, "somebody"),
        ("push", None, digest, ""),
    ]
    assert await differences(house) == []


async def test_restore_an_overwritten_tag(registry: Registry) -> None:
    """An overwritten tag goes back to what it was before, or to a digest that is named; each is remembered."""
    first, second = [await push(registry, NAME, images.image(), "latest") for _ in range(2)]
    assert (await registry.trash.restore_tag(NAME, LATEST, None, THE_REGISTRY)).digest == first
    assert (await registry.manifests.get(NAME, LATEST)).digest == first
    await registry.trash.restore_tag(NAME, LATEST, second, THE_REGISTRY)
    assert (await registry.manifests.get(NAME, LATEST)).digest == second
    assert len(await registry.trash.history(NAME, LATEST, 1 << 40, 10)) == 4
    with pytest.raises(ManifestUnknown, match="nothing is known"):
        await registry.trash.restore_tag(NAME, OLD, None, THE_REGISTRY)
    with pytest.raises(ManifestUnknown, match="neither"):
        await registry.trash.restore_tag(NAME, LATEST, Digest.of(b"never"), THE_REGISTRY)


async def test_restore_a_removed_manifest(house: House, registry: Registry) -> None:
    """A manifest that was removed by digest comes back with its tags, but those that were set anew since."""
    index = images.index()
    digest = await push(registry, NAME, index, "latest", "old")
    await registry.manifests.remove(NAME, digest)
    with pytest.raises(ManifestUnknown):
        await registry.manifests.get(NAME, digest)
    newer = await push(registry, NAME, images.image(), "latest")
    restored = await registry.trash.restore_manifest(NAME, digest, THE_REGISTRY)
    assert restored.tags == ("old",)
    assert (await registry.manifests.get(NAME, OLD)).payload == index.data
    assert (await registry.manifests.get(NAME, LATEST)).digest == newer
    assert await trashed(registry) == set()
    assert await differences(house) == []


async def test_restore_names_what_is_missing(house: House, registry: Registry) -> None:
    """An image whose layer's bytes are gone is not restored; the layer is named, and nothing has changed."""
    content = images.image()
    digest = await push(registry, NAME, content, "latest")
    await registry.repositories.remove(NAME, SOMEBODY)
    gone = Digest(content.blobs[-1].digest)
    await house.storage.blobs.remove([gone])
    with pytest.raises(ManifestBlobUnknown) as caught:
        await registry.trash.restore_manifest(NAME, digest, THE_REGISTRY)
    assert gone in str(caught.value.detail)
    assert await trashed(registry) == {digest}
    assert await listed(registry) == []


async def test_remove_a_repository(house: House, registry: Registry) -> None:
    """All of a repository goes and is not known any more; what is nested in it and others stay. It comes back whole."""
    nested = RepositoryName(f"{NAME}/nested")
    index, image = images.index(), images.image()
    for name in (NAME, nested, OTHER):
        await push(registry, name, index, "latest", "v1")
        await push(registry, name, image, "image")
    upload = await registry.uploads.start(NAME, "sha256")
    await registry.repositories.remove(NAME, SOMEBODY)
    assert await listed(registry) == [nested, OTHER]
    assert [name async for name in house.storage.links.repositories()] == [nested, OTHER]
    assert await house.storage.uploads.status(NAME, upload) is None
    with pytest.raises(NameUnknown):
        await registry.catalogue.tags(NAME, "", -1)
    with pytest.raises(NameUnknown):
        await registry.repositories.remove(NAME, SOMEBODY)
    assert await tags(registry, nested) == ["image", "latest", "v1"]
    assert await differences(house) == []
    await registry.trash.restore_repository(NAME, SOMEBODY)
    assert await tags(registry) == ["image", "latest", "v1"]
    assert (await registry.manifests.get(NAME, Tag("v1"))).payload == index.data
    for one in index.walk():
        for blob in one.blobs:
            assert await read_blob(registry, NAME, Digest(blob.digest)) == blob.data
    assert await trashed(registry) == set()
    with pytest.raises(NameUnknown, match="nothing in the trash"):
        await registry.trash.restore_repository(NAME, SOMEBODY)
    assert await differences(house) == []


async def test_restore_undoes_the_last_deletion_alone(registry: Registry) -> None:
    """What was deleted before the repository was stays in the trash when the repository is restored."""
    earlier, later = images.image(), images.image()
    gone = await push(registry, NAME, earlier, "earlier")
    await push(registry, NAME, later, "later")
    await registry.manifests.remove(NAME, gone)
    await registry.repositories.remove(NAME, SOMEBODY)
    await registry.trash.restore_repository(NAME, SOMEBODY)
    assert await tags(registry) == ["later"]
    assert await trashed(registry) == {gone}


async def test_what_another_program_brings_back(house: House, registry: Registry) -> None:
    """A removed manifest that registry:2 pushed again lives once the index has met it; a hidden one that it tagged
    lives with all that it keeps.
    """
    removed, hidden = images.image(), images.index()
    gone = await push(registry, NAME, removed, "removed")
    dead = await push(registry, NAME, hidden, "hidden")
    await registry.manifests.remove(NAME, gone)
    await registry.manifests.untag(NAME, Tag("hidden"))
    assert len(await trashed(registry)) == 4
    await house.storage.links.write_manifest(NAME, gone, removed.data, ())
    await house.storage.links.write_manifest(NAME, dead, hidden.data, (OLD,))
    assert (await registry.manifests.get(NAME, gone)).payload == removed.data
    assert (await registry.manifests.get(NAME, OLD)).payload == hidden.data
    assert await trashed(registry) == set()


async def test_a_deed_keeps_its_moment(registry: Registry) -> None:
    """All that one deed sends to the trash has its moment, however many changes it takes."""
    for number in range(3):
        await push(registry, NAME, images.index(), f"v{number}")
    await registry.repositories.remove(NAME, SOMEBODY)
    entries = await registry.trash.page(NAME, "", 100)
    assert len(entries) == 9
    assert len({entry.trashed_at for entry in entries}) == 1
    assert Deed("delete", SOMEBODY).at >= entries[0].trashed_at


@pytest.mark.parametrize("forgotten", [False, True])
async def test_what_another_program_names(house: House, registry: Registry, *, forgotten: bool) -> None:
    """Children in the trash that an index names which registry:2 pushed are alive once the index has met that one, also
    where registry:2 had removed and pushed them as well.
    """
    made = images.index()
    await push(registry, NAME, made, "latest")
    await registry.manifests.untag(NAME, LATEST)
    children = [Digest(child.digest) for child in made.children]
    assert await trashed(registry) == {made.digest, *children}
    adoption = Adoption(house.storage, house.index, house.names)
    if forgotten:
        await house.storage.links.remove_revisions(NAME, children)
        await adoption.compare(NAME, take_turns)
    await plant(house.storage, NAME, images.index(made.children, annotations={"made": "anew"}), "new")
    await adoption.compare(NAME, take_turns)
    assert await trashed(registry) == {made.digest}
    assert [await house.index.trash.is_hidden(NAME, child) for child in children] == [False, False]


async def test_children_stay_as_long_as_their_index(registry: Registry) -> None:
    """An index that is removed after it had gone to the trash keeps its children there as long as itself."""
    index = images.index()
    digest = await push(registry, NAME, index, "latest")
    await registry.manifests.untag(NAME, LATEST)
    early = {entry.digest: entry.due_at for entry in await registry.trash.page(NAME, "", 10)}
    assert len(early) == 3
    await registry.manifests.remove(NAME, digest)
    late = {entry.digest: entry.due_at for entry in await registry.trash.page(NAME, "", 10)}
    assert early.keys() == late.keys()
    assert all(late[one] == late[digest] > early[one] for one in late)
    await registry.trash.restore_manifest(NAME, digest, THE_REGISTRY)
    assert await trashed(registry) == set()


async def test_purge_takes_what_lies_in_the_trash(registry: Registry) -> None:
    """What was deleted before can still be purged: one manifest, or all of a repository, known or not."""
    first, second, third = [await push(registry, NAME, images.image(), f"v{number}") for number in range(3)]
    for digest in (first, second):
        await registry.manifests.remove(NAME, digest)
    assert await trashed(registry) == {first, second}
    assert await registry.manifests.remove(NAME, first, purge=True) is None
    assert await trashed(registry) == {second}
    with pytest.raises(ManifestUnknown):
        await registry.manifests.remove(NAME, first, purge=True)
    with pytest.raises(ManifestUnknown):
        await registry.manifests.remove(NAME, second)
    await registry.repositories.remove(NAME, SOMEBODY)
    assert await trashed(registry) == {second, third}
    with pytest.raises(NameUnknown):
        await registry.repositories.remove(NAME, SOMEBODY)
    await registry.repositories.remove(NAME, SOMEBODY, purge=True)
    assert await trashed(registry) == set()
    with pytest.raises(NameUnknown):
        await registry.repositories.remove(NAME, SOMEBODY, purge=True)
