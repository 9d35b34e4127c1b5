"""Microsoft's SDK against a container that is mirrored: it lists and reads as any other, and is written by nobody."""

import os

from azure.core import MatchConditions
from azure.storage.blob import BlobServiceClient

from checks import check, main, refused

ORIGIN, ORIGIN_KEY = os.environ["ORIGIN_URL"], os.environ["ORIGIN_KEY"]
HERE, KEY = os.environ["BLOB_URL"], os.environ["ACCOUNT_KEY"]

there = BlobServiceClient(ORIGIN, credential=ORIGIN_KEY, retry_total=0).get_container_client("photos")
here = BlobServiceClient(HERE, credential=KEY, retry_total=0).get_container_client("photos")


def said(blob):
    fields = ["name", "etag", "size", "last_modified", "creation_time", "metadata", "tags", "blob_tier"]
    return {field: blob[field] for field in fields} | {"type": blob.content_settings.content_type}


@check
def both_list_the_same():
    both = [[said(blob) for blob in side.list_blobs(include=["metadata", "tags"])] for side in (there, here)]
    assert len(both[0]) == 120 and both[0] == both[1], both
    pages = here.list_blobs(name_starts_with="a/", results_per_page=7).by_page()
    assert [blob.name for page in pages for blob in page] == [blob["name"] for blob in both[0] if blob["name"].startswith("a/")]


@check
def a_large_blob_is_read_in_ranges_under_one_etag():
    blob = here.get_blob_client("large")
    etag = blob.get_blob_properties().etag
    content = blob.download_blob(max_concurrency=4, etag=etag, match_condition=MatchConditions.IfNotModified).readall()
    assert content == there.get_blob_client("large").download_blob().readall()


@check
def nobody_writes_there():
    blob = here.get_blob_client("a/0")
    for act in (
        lambda: blob.upload_blob(b"x", overwrite=True),
        lambda: blob.delete_blob(),
        lambda: blob.set_blob_metadata({"a": "b"}),
        lambda: blob.set_blob_tags({"a": "b"}),
        lambda: blob.acquire_lease(15),
        lambda: blob.create_snapshot(),
        lambda: here.delete_container(),
    ):
        refused(act, "AuthorizationPermissionMismatch", 403)
    refused(lambda: list(here.delete_blobs("a/0", "a/3")), "AuthorizationPermissionMismatch", 403)
    assert blob.exists()


main()
