"""Keys that come along with requests, by the Azure SDK for Python."""

import base64
import hashlib
import os

from azure.storage.blob import BlobBlock, BlobServiceClient, CustomerProvidedEncryptionKey

from checks import check, main, refused

URL = os.environ["BLOB_URL"]
KEY = os.environ["ACCOUNT_KEY"]
OPTIONS = dict(retry_total=0, max_single_put_size=64 * 1024, max_block_size=64 * 1024, max_single_get_size=64 * 1024)
MARK = b"nobody may find this on the disk, whatever else they look at"

service = BlobServiceClient(URL, credential=KEY, **OPTIONS)
container = service.get_container_client("keyed")


def key(byte):
    """A key and its digest."""
    bytes_ = bytes([byte]) * 32
    digest = hashlib.sha256(bytes_).digest()
    return CustomerProvidedEncryptionKey(base64.b64encode(bytes_).decode(), base64.b64encode(digest).decode())


OURS, THEIRS = key(0xA7), key(2)
CONTENT = MARK * 5_000


@check
def what_goes_up_with_a_key_comes_down_with_it_alone():
    container.create_container()
    blob = container.get_blob_client("a")
    blob.upload_blob(CONTENT, cpk=OURS)
    blob.set_blob_metadata({"color": "blue"}, cpk=OURS)
    assert blob.download_blob(cpk=OURS).readall() == CONTENT
    assert blob.download_blob(offset=131_000, length=100, cpk=OURS).readall() == CONTENT[131_000:131_100]
    refused(blob.download_blob, "BlobUsesCustomerSpecifiedEncryption", 409)
    refused(lambda: blob.download_blob(cpk=THEIRS), "BlobCustomerSpecifiedEncryptionMismatch", 409)
    properties = blob.get_blob_properties(cpk=OURS)
    assert (properties.encryption_key_sha256, properties.server_encrypted) == (OURS.key_hash, True)
    assert properties.metadata == {"color": "blue"}
    assert blob.exists(), "as Azure's own answer is taken"
    listed = next(iter(container.list_blobs(include=["metadata"])))
    assert listed.encrypted_metadata and listed.metadata in ({}, None), (listed.metadata, listed.encrypted_metadata)


@check
def blocks_metadata_and_snapshots_take_the_key():
    blob = container.get_blob_client("blocks")
    for number in range(3):
        said = blob.stage_block(f"b{number}", CONTENT[:70_000], cpk=OURS)
        assert said["encryption_key_sha256"] == OURS.key_hash and said["request_server_encrypted"]
    blocks = [BlobBlock(f"b{number}") for number in range(3)]
    refused(lambda: blob.commit_block_list(blocks), "BlobUsesCustomerSpecifiedEncryption", 409)
    refused(lambda: blob.commit_block_list(blocks, cpk=THEIRS), "BlobCustomerSpecifiedEncryptionMismatch", 409)
    blob.commit_block_list(blocks, cpk=OURS)
    refused(lambda: blob.set_blob_metadata({"a": "b"}), "BlobUsesCustomerSpecifiedEncryption", 409)
    blob.set_blob_metadata({"a": "b"}, cpk=OURS)
    refused(blob.create_snapshot, "BlobUsesCustomerSpecifiedEncryption", 409)
    at = blob.create_snapshot(cpk=OURS)
    blob.upload_blob(b"later", cpk=THEIRS, overwrite=True)
    kept = container.get_blob_client("blocks", snapshot=at)
    assert kept.download_blob(cpk=OURS).readall() == CONTENT[:70_000] * 3


@check
def pages_take_the_key():
    blob = container.get_blob_client("pages")
    blob.create_page_blob(2048, cpk=OURS)
    refused(lambda: blob.upload_page(CONTENT[:512], 0, 512), "BlobUsesCustomerSpecifiedEncryption", 409)
    blob.upload_page(CONTENT[:512], 512, 512, cpk=OURS)
    blob.resize_blob(4096, cpk=OURS)
    blob.clear_page(1024, 512, cpk=OURS)
    found = blob.download_blob(cpk=OURS).readall()
    assert found[:512] == bytes(512) and found[512:1024] == CONTENT[:512] and len(found) == 4096


@check
def a_source_is_read_by_a_key_of_its_own():
    source = container.get_blob_client("source")
    source.upload_blob(CONTENT, cpk=OURS)
    copy = container.get_blob_client("copy")
    refused(lambda: copy.upload_blob_from_url(source.url, cpk=THEIRS), "CannotVerifyCopySource", 409)
    copy.upload_blob_from_url(source.url, cpk=THEIRS, source_cpk=OURS)
    assert copy.download_blob(cpk=THEIRS).readall() == CONTENT


if __name__ == "__main__":
    main()
