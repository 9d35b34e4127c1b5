"""The Azure SDK for Python through a proxy that bends what holds MARK: no upload that carries a checksum goes well."""

import hashlib
import io
import os

from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobServiceClient, ContentSettings

from checks import check, main

MARK = b"bend-this-on-the-way"
CONTENT = b"0" * 100_000 + MARK + b"1" * 100_000
OPTIONS = dict(retry_total=0, max_single_put_size=1024 * 1024, max_block_size=64 * 1024)

service = BlobServiceClient(os.environ["BLOB_URL"], credential=os.environ["ACCOUNT_KEY"], **OPTIONS)
container = service.get_container_client(os.environ["CONTAINER"])
in_blocks = BlobServiceClient(
    os.environ["BLOB_URL"], credential=os.environ["ACCOUNT_KEY"], **(OPTIONS | dict(max_single_put_size=64 * 1024))
).get_container_client(os.environ["CONTAINER"])


def told(upload):
    """What an upload is refused with."""
    try:
        upload()
    except HttpResponseError as error:
        return getattr(error.error_code, "value", error.error_code)
    raise AssertionError("it went well")


@check
def the_md5_that_is_stored_is_compared():
    settings = ContentSettings(content_md5=bytearray(hashlib.md5(CONTENT).digest()))
    assert told(lambda: container.upload_blob("stored", CONTENT, content_settings=settings)) == "Md5Mismatch"


@check
def every_way_of_validation_finds_it():
    for way, code in [(True, "Md5Mismatch"), ("md5", "Md5Mismatch"), ("crc64", "Crc64Mismatch")]:
        for name, clients in [("whole", container), ("blocks", in_blocks)]:
            for content in [CONTENT, io.BytesIO(CONTENT)]:
                found = told(lambda: clients.upload_blob(f"{name}-{way}", content, validate_content=way))
                assert found == code, f"{found} of {name}, {way}, {type(content).__name__}"


main()
