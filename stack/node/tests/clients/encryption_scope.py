"""Encryption scopes, by the Azure SDK for Python."""

import os
from datetime import datetime, timedelta, timezone

from azure.storage.blob import BlobBlock, BlobClient, BlobServiceClient, generate_blob_sas, generate_container_sas

from checks import check, main, refused

URL = os.environ["BLOB_URL"]
KEY = os.environ["ACCOUNT_KEY"]
ACCOUNT = URL.rsplit("/", 1)[1]
OPTIONS = dict(retry_total=0, max_single_put_size=64 * 1024, max_block_size=64 * 1024, max_single_get_size=64 * 1024)
SOON = datetime.now(timezone.utc) + timedelta(hours=1)
CONTENT = b"nobody may find this on the disk, whatever else they look at" * 5_000

service = BlobServiceClient(URL, credential=KEY, **OPTIONS)
container = service.get_container_client("scoped")


@check
def a_container_has_a_scope_which_it_may_insist_on():
    shut = {"default_encryption_scope": "finance", "prevent_encryption_scope_override": True}
    made = container.create_container(container_encryption_scope=shut)
    assert made["etag"]
    scope = container.get_container_properties().encryption_scope
    assert (scope.default_encryption_scope, scope.prevent_encryption_scope_override) == ("finance", True)
    listed = {one.name: one.encryption_scope.default_encryption_scope for one in service.list_containers()}
    assert listed["scoped"] == "finance" and listed["photos"] == "$account-encryption-key", listed
    blob = container.get_blob_client("a")
    assert blob.upload_blob(CONTENT)["encryption_scope"] == "finance"
    other = container.get_blob_client("b")
    code = "RequestForbiddenByContainerEncryptionPolicy"
    refused(lambda: other.upload_blob(b"x", encryption_scope="law"), code, 403)
    assert blob.download_blob().readall() == CONTENT
    assert blob.get_blob_properties().encryption_scope == "finance"
    assert [one.encryption_scope for one in container.list_blobs()] == ["finance"]


@check
def blocks_pages_and_changes_go_by_their_scope():
    photos = service.get_container_client("photos")
    blob = photos.get_blob_client("blocks")
    for number in range(2):
        said = blob.stage_block(f"b{number}", CONTENT[:70_000], encryption_scope="law")
        assert said["encryption_scope"] == "law"
    blocks = [BlobBlock(f"b{number}") for number in range(2)]
    mismatch = "BlobCustomerSpecifiedEncryptionMismatch"
    refused(lambda: blob.commit_block_list(blocks, encryption_scope="finance"), mismatch, 409)
    blob.commit_block_list(blocks, encryption_scope="law")
    refused(lambda: blob.set_blob_metadata({"a": "b"}, encryption_scope="finance"), mismatch, 409)
    blob.set_blob_metadata({"a": "b"}, encryption_scope="law")
    refused(lambda: blob.create_snapshot(encryption_scope="finance"), mismatch, 409)
    assert blob.create_snapshot(encryption_scope="law")["snapshot"]
    pages = photos.get_blob_client("pages")
    pages.create_page_blob(1024, encryption_scope="law")
    pages.upload_page(CONTENT[:512], 0, 512, encryption_scope="law")
    refused(lambda: pages.upload_page(CONTENT[:512], 0, 512, encryption_scope="finance"), mismatch, 409)
    copy = photos.get_blob_client("copy")
    said = copy.start_copy_from_url(blob.url, requires_sync=True, encryption_scope="finance")
    assert said["copy_status"] == "success"
    assert copy.get_blob_properties().encryption_scope == "finance"
    assert copy.download_blob().readall() == CONTENT[:70_000] * 2


@check
def a_sas_has_a_scope_in_which_its_holder_writes():
    of = dict(account_name=ACCOUNT, account_key=KEY, expiry=SOON, encryption_scope="law")
    sas = generate_blob_sas(container_name="photos", blob_name="by-sas", permission="rcw", **of)
    blob = BlobClient(URL, "photos", "by-sas", credential=sas, **OPTIONS)
    assert blob.upload_blob(CONTENT)["encryption_scope"] == "law"
    assert blob.download_blob().readall() == CONTENT
    refused(lambda: blob.upload_blob(b"x", overwrite=True, encryption_scope="finance"), "InvalidHeaderValue", 400)
    sas = generate_container_sas(container_name="scoped", permission="rcw", **of)
    forbidden = BlobClient(URL, "scoped", "by-sas", credential=sas, **OPTIONS)
    refused(lambda: forbidden.upload_blob(b"x"), "RequestForbiddenByContainerEncryptionPolicy", 403)
    kept = BlobClient(URL, "scoped", "a", credential=sas, **OPTIONS)
    assert kept.download_blob().readall() == CONTENT, "what is read needs to name no scope"


if __name__ == "__main__":
    main()
