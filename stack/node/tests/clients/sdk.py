"""The Azure SDK for Python against the gateway, as its users call it."""

import io
import os
from datetime import datetime, timedelta, timezone

from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import (
    AccessPolicy,
    BlobBlock,
    BlobClient,
    BlobLeaseClient,
    BlobServiceClient,
    ContainerClient,
    ContentSettings,
    CorsRule,
    Metrics,
    ResourceTypes,
    RetentionPolicy,
    SequenceNumberAction,
    StandardBlobTier,
    generate_account_sas,
    generate_blob_sas,
    generate_container_sas,
)

from checks import check, main, refused

URL = os.environ["BLOB_URL"]
KEY = os.environ["ACCOUNT_KEY"]
TOKEN = os.environ["READER_TOKEN"]
ACCOUNT = URL.rsplit("/", 1)[1]
OPTIONS = dict(retry_total=0, max_single_put_size=64 * 1024, max_block_size=64 * 1024, max_single_get_size=64 * 1024)
SOON = datetime.now(timezone.utc) + timedelta(hours=1)

service = BlobServiceClient(URL, credential=KEY, **OPTIONS)
container = service.get_container_client("sdk")


def fresh(name):
    """An empty container of that name."""
    made = service.get_container_client(name)
    made.create_container()
    return made


@check
def containers_are_made_described_listed_and_deleted():
    container.create_container(metadata={"team": "gold"})
    refused(container.create_container, "ContainerAlreadyExists", 409)
    assert container.exists()
    assert container.get_container_properties().metadata == {"team": "gold"}
    container.set_container_metadata({"team": "blue"})
    listed = list(service.list_containers(name_starts_with="sd", include_metadata=True))
    assert [(one.name, one.metadata) for one in listed] == [("sdk", {"team": "blue"})]
    other = fresh("other")
    assert [page_one.name for page_one in next(service.list_containers(results_per_page=1).by_page())] == ["other"]
    other.delete_container()
    assert not other.exists()
    refused(other.get_container_properties, "ContainerNotFound", 404)
    refused(lambda: service.create_container("Bad_Name"), "InvalidResourceName", 400)


@check
def blobs_go_up_and_down_whole_and_in_blocks():
    for size in [0, 1, 64 * 1024, 200_001]:
        content = bytes(range(256)) * (size // 256 + 1)
        content = content[:size]
        blob = container.get_blob_client(f"size/{size}")
        blob.upload_blob(content, overwrite=True, max_concurrency=4)
        assert blob.download_blob(max_concurrency=4).readall() == content
        assert blob.get_blob_properties().size == size
    refused(lambda: blob.upload_blob(b"again"), "BlobAlreadyExists", 409)


@check
def odd_names_are_kept():
    for name in ["a b", "50%", "a+b", "q?x=1&y", "#hash", "ü/日本", "a\\b", "~!'()*;:@,$", "bell\x01", "\ufffe", "x" * 1024]:
        blob = container.get_blob_client(name)
        blob.upload_blob(b"odd", overwrite=True)
        assert blob.download_blob().readall() == b"odd"
        # As on Azure, a backslash is a slash.
        assert name.replace("\\", "/") in [one.name for one in container.list_blobs()], name
        blob.delete_blob()


@check
def odd_folders_are_walked():
    odd = fresh("odd-folders")
    for name in ["a\x01b/one", "a\x01b/c\x02/two", "plain/three"]:
        odd.upload_blob(name, b"x")
    assert [one.name for one in odd.walk_blobs()] == ["a\x01b/", "plain/"]
    assert [one.name for one in odd.walk_blobs(name_starts_with="a\x01b/")] == ["a\x01b/c\x02/", "a\x01b/one"]
    # Names alone (`list_blob_names`) are not decoded by the SDK.
    names = [one.name for one in odd.list_blobs(name_starts_with="a\x01")]
    assert names == ["a\x01b/c\x02/two", "a\x01b/one"], names
    odd.delete_blobs(*names)
    assert list(odd.list_blob_names()) == ["plain/three"]


@check
def blocks_are_staged_listed_and_committed():
    blob = container.get_blob_client("blocks")
    for id, content in [("a1", b"one"), ("a2", b"two"), ("a3", b"three")]:
        blob.stage_block(id, content)
    committed, uncommitted = blob.get_block_list("all")
    assert (len(committed), [block.id for block in uncommitted]) == (0, ["a1", "a2", "a3"])
    blob.commit_block_list([BlobBlock("a2"), BlobBlock("a1")], metadata={"k": "v"})
    assert blob.download_blob().readall() == b"twoone"
    committed, uncommitted = blob.get_block_list("all")
    assert ([block.id for block in committed], uncommitted) == (["a2", "a1"], [])
    refused(lambda: blob.commit_block_list([BlobBlock("zz")]), "InvalidBlockList", 400)


@check
def listing_pages_prefixes_delimiters_and_includes():
    listed = fresh("listed")
    for name in ["a/1", "a/2", "a/b/3", "c", "d/4"]:
        listed.upload_blob(name, b"x", metadata={"n": name.replace("/", "_")})
    assert [blob.name for blob in listed.list_blobs(name_starts_with="a/")] == ["a/1", "a/2", "a/b/3"]
    assert sorted(one.name for one in listed.walk_blobs()) == ["a/", "c", "d/"]
    assert sorted(one.name for one in listed.walk_blobs(name_starts_with="a/")) == ["a/1", "a/2", "a/b/"]
    pages = listed.list_blobs(results_per_page=2).by_page()
    first = [blob.name for blob in next(pages)]
    again = listed.list_blobs(results_per_page=2).by_page(continuation_token=pages.continuation_token)
    assert first + [blob.name for page in again for blob in page] == ["a/1", "a/2", "a/b/3", "c", "d/4"]
    assert [blob.metadata["n"] for blob in listed.list_blobs(include=["metadata"])][0] == "a_1"
    assert list(listed.list_blob_names(name_starts_with="d")) == ["d/4"]


@check
def ranges_are_read():
    blob = container.get_blob_client("ranges")
    blob.upload_blob(b"0123456789", overwrite=True)
    assert blob.download_blob(offset=3, length=4).readall() == b"3456"
    assert blob.download_blob(offset=8).readall() == b"89"
    assert blob.download_blob(offset=8, length=100).readall() == b"89"
    refused(lambda: blob.download_blob(offset=10), "InvalidRange", 416)


@check
def content_is_validated_by_md5_and_by_crc64_both_ways():
    checked = fresh("checked")
    for size in [0, 1, 64 * 1024, 64 * 1024 + 1, 5_000_001]:
        content = (bytes(range(251)) * (size // 251 + 1))[:size]
        for way in [True, "md5", "crc64", "auto"]:
            blob = checked.get_blob_client(f"{way}/{size}")
            blob.upload_blob(content, validate_content=way)
            assert blob.get_blob_properties().size == size
            assert blob.download_blob(validate_content=way).readall() == content, f"{size} bytes, {way}"
            blob.upload_blob(io.BytesIO(content), validate_content=way, overwrite=True, max_concurrency=2)
            assert blob.download_blob(validate_content=way, max_concurrency=2).readall() == content
            if size > 10:
                assert blob.download_blob(offset=5, length=4, validate_content=way).readall() == content[5:9]
        blob.stage_block("b1", io.BytesIO(content + b"."), validate_content="crc64")
        blob.commit_block_list([BlobBlock("b1")])
        assert blob.download_blob(validate_content="crc64").readall() == content + b"."
    pages = checked.get_blob_client("pages")
    pages.create_page_blob(1024)
    pages.upload_page(b"p" * 512, 512, 512, validate_content="crc64")
    assert pages.download_blob(validate_content="crc64").readall() == bytes(512) + b"p" * 512


@check
def properties_metadata_and_tiers_are_set():
    blob = container.get_blob_client("properties")
    settings = ContentSettings(
        content_type="text/plain", content_encoding="gzip", content_language="de", cache_control="no-cache"
    )
    blob.upload_blob(b"x", overwrite=True, content_settings=settings, metadata={"Color": "blue"})
    found = blob.get_blob_properties()
    assert found.content_settings.content_type == "text/plain" and found.content_settings.content_encoding == "gzip"
    assert found.metadata == {"Color": "blue"}
    assert [one.metadata for one in container.list_blobs("properties", include=["metadata"])] == [{"Color": "blue"}]
    assert found.blob_type == "BlockBlob" and found.blob_tier == "Hot" and found.lease.state == "available"
    before = found.etag
    blob.set_blob_metadata({"a": "1"})
    blob.set_http_headers(ContentSettings(content_type="image/png"))
    blob.set_standard_blob_tier(StandardBlobTier.COOL)
    found = blob.get_blob_properties()
    assert found.etag != before and found.metadata == {"a": "1"}
    assert found.content_settings.content_type == "image/png" and found.content_settings.content_encoding is None
    assert found.blob_tier == "Cool"
    refused(lambda: blob.set_blob_metadata({"bad-name": "1"}), "InvalidMetadata", 400)
    blob.set_http_headers(ContentSettings(cache_control="none"))
    found = blob.get_blob_properties().content_settings
    assert (found.content_type, found.cache_control) == (None, "none")


@check
def tags_are_set_and_read():
    blob = container.get_blob_client("tags")
    blob.upload_blob(b"x", overwrite=True, tags={"team": "gold", "note": "a b"})
    assert blob.get_blob_tags() == {"team": "gold", "note": "a b"}
    blob.set_blob_tags({"team": "blue"})
    assert blob.get_blob_tags() == {"team": "blue"}
    assert blob.get_blob_properties().tag_count == 1
    found = {one.name: one.tags for one in container.list_blobs(include=["tags"])}
    assert found["tags"] == {"team": "blue"}


@check
def blobs_are_found_by_their_tags_and_held_to_them():
    tagged, elsewhere = fresh("tagged"), fresh("elsewhere")
    for name, team, rank in [("a", "gold", "1"), ("b", "gold", "2"), ("c", "blue", "3")]:
        tagged.upload_blob(name, b"x", tags={"team": team, "rank": rank})
    elsewhere.upload_blob("d", b"x", tags={"team": "gold"})
    found = sorted((one.container_name, one.name) for one in service.find_blobs_by_tags("team = 'gold'"))
    assert found == [("elsewhere", "d"), ("tagged", "a"), ("tagged", "b")], found
    ranked = "@container = 'tagged' and \"team\" = 'gold' and rank > '1'"
    assert [(one.name, one.tags) for one in service.find_blobs_by_tags(ranked)] == [("b", {"team": "gold", "rank": "2"})]
    pages = service.find_blobs_by_tags("rank >= '1'", results_per_page=1).by_page()
    assert [[one.name for one in page] for page in pages if True][:3] == [["a"], ["b"], ["c"]]
    assert [one.name for one in tagged.find_blobs_by_tags("team='blue'")] == ["c"]
    assert list(tagged.find_blobs_by_tags("team='none'")) == []
    refused(lambda: list(service.find_blobs_by_tags("team like 'gold'")), "InvalidQueryParameterValue", 400)
    blob = tagged.get_blob_client("a")
    assert blob.download_blob(if_tags_match_condition="team='gold'").readall() == b"x"
    refused(lambda: blob.get_blob_properties(if_tags_match_condition="team='blue'"), "ConditionNotMet", 412)
    refused(lambda: blob.delete_blob(if_tags_match_condition="\"rank\">'1'"), "ConditionNotMet", 412)
    blob.set_blob_metadata({"k": "v"}, if_tags_match_condition="rank='1'")
    blob.delete_blob(if_tags_match_condition="team='gold' AND rank='1'")


@check
def leases_guard_a_blob():
    blob = container.get_blob_client("leased")
    blob.upload_blob(b"x", overwrite=True)
    lease = blob.acquire_lease(15)
    refused(lambda: blob.upload_blob(b"y", overwrite=True), "LeaseIdMissing", 412)
    refused(blob.acquire_lease, "LeaseAlreadyPresent", 409)
    wrong = "00000000-0000-0000-0000-000000000000"
    refused(lambda: blob.delete_blob(lease=wrong), "LeaseIdMismatchWithBlobOperation", 412)
    blob.upload_blob(b"y", overwrite=True, lease=lease)
    lease.renew()
    lease.change("11111111-1111-1111-1111-111111111111")
    assert blob.get_blob_properties().lease.state == "leased"
    assert BlobLeaseClient(blob).break_lease(0) == 0
    lease.release()
    assert blob.get_blob_properties().lease.state == "available"
    held = container.acquire_lease(15)
    refused(container.delete_container, "LeaseIdMissing", 412)
    held.release()


@check
def snapshots_keep_what_was():
    blob = container.get_blob_client("snapped")
    blob.upload_blob(b"old", overwrite=True)
    snapshot = blob.create_snapshot()["snapshot"]
    blob.upload_blob(b"new", overwrite=True)
    assert container.get_blob_client("snapped", snapshot=snapshot).download_blob().readall() == b"old"
    listed = [one.snapshot for one in container.list_blobs(name_starts_with="snapped", include=["snapshots"])]
    assert listed == [snapshot, None], listed
    refused(blob.delete_blob, "SnapshotsPresent", 409)
    blob.delete_blob(delete_snapshots="include")
    assert not blob.exists()


@check
def conditions_are_weighed():
    blob = container.get_blob_client("conditions")
    etag = blob.upload_blob(b"1", overwrite=True)["etag"]
    changed = MatchConditions.IfNotModified
    newer = blob.upload_blob(b"2", overwrite=True, etag=etag, match_condition=changed)["etag"]
    stale = lambda: blob.upload_blob(b"3", overwrite=True, etag=etag, match_condition=changed)
    assert isinstance(refused(stale, "ConditionNotMet", 412), ResourceModifiedError)
    same = lambda: blob.download_blob(etag=newer, match_condition=MatchConditions.IfModified)
    refused(same, "ConditionNotMet", 304)
    future = datetime.now(timezone.utc) + timedelta(days=1)
    refused(lambda: blob.get_blob_properties(if_modified_since=future), "ConditionNotMet", 304)
    blob.delete_blob(if_unmodified_since=future)


@check
def copies_are_made_within_the_account():
    source = container.get_blob_client("source")
    source.upload_blob(b"copied", overwrite=True, metadata={"k": "v"})
    target = container.get_blob_client("target")
    copy = target.start_copy_from_url(source.url)
    assert copy["copy_status"] == "success", copy
    assert target.download_blob().readall() == b"copied"
    found = target.get_blob_properties()
    assert found.metadata == {"k": "v"} and found.copy.status == "success" and found.copy.source == source.url
    sas = generate_blob_sas(ACCOUNT, "sdk", "source", account_key=KEY, permission="r", expiry=SOON)
    again = container.get_blob_client("again")
    again.upload_blob_from_url(f"{source.url}?{sas}", overwrite=True)
    assert again.download_blob().readall() == b"copied"
    again.stage_block_from_url("01", f"{source.url}?{sas}", source_offset=1, source_length=3)
    again.commit_block_list([BlobBlock("01")])
    assert again.download_blob().readall() == b"opi"
    absent = lambda: target.start_copy_from_url(source.url + "-absent")
    assert isinstance(refused(absent, "CannotVerifyCopySource", 404), ResourceNotFoundError)


@check
def copies_leave_the_archive():
    source = container.get_blob_client("archived")
    source.upload_blob(b"kept", overwrite=True, standard_blob_tier=StandardBlobTier.ARCHIVE)
    target = container.get_blob_client("rehydrated")
    refused(lambda: target.start_copy_from_url(source.url), "BlobArchived", 409)
    copy = target.start_copy_from_url(source.url, standard_blob_tier=StandardBlobTier.HOT, rehydrate_priority="High")
    assert copy["copy_status"] == "success" and target.download_blob().readall() == b"kept"
    assert (source.get_blob_properties().blob_tier, target.get_blob_properties().blob_tier) == ("Archive", "Hot")


@check
def sas_of_every_kind_are_held_to_their_words():
    blob = container.get_blob_client("signed")
    blob.upload_blob(b"signed", overwrite=True)
    of_blob = generate_blob_sas(ACCOUNT, "sdk", "signed", account_key=KEY, permission="r", expiry=SOON)
    reader = BlobClient.from_blob_url(f"{blob.url}?{of_blob}", retry_total=0)
    assert reader.download_blob().readall() == b"signed"
    refused(lambda: reader.upload_blob(b"x", overwrite=True), "AuthorizationPermissionMismatch", 403)
    of_container = generate_container_sas(ACCOUNT, "sdk", account_key=KEY, permission="l", expiry=SOON)
    lister = ContainerClient.from_container_url(f"{container.url}?{of_container}", retry_total=0)
    assert "signed" in [one.name for one in lister.list_blobs()]
    refused(lambda: lister.download_blob("signed"), "AuthorizationPermissionMismatch", 403)
    of_account = generate_account_sas(ACCOUNT, KEY, ResourceTypes(object=True), "r", SOON)
    held = BlobServiceClient(URL, credential=of_account, retry_total=0)
    assert held.get_blob_client("sdk", "signed").download_blob().readall() == b"signed"
    refused(lambda: list(held.list_containers()), "AuthorizationResourceTypeMismatch", 403)
    past = datetime.now(timezone.utc) - timedelta(hours=1)
    old = generate_blob_sas(ACCOUNT, "sdk", "signed", account_key=KEY, permission="r", expiry=past)
    expired = BlobClient.from_blob_url(f"{blob.url}?{old}", retry_total=0)
    refused(expired.download_blob, "AuthenticationFailed", 403)
    far = generate_blob_sas(ACCOUNT, "sdk", "signed", account_key=KEY, permission="r", expiry=SOON, ip="10.0.0.1")
    away = BlobClient.from_blob_url(f"{blob.url}?{far}", retry_total=0)
    refused(away.download_blob, "AuthorizationSourceIPMismatch", 403)


@check
def stored_policies_rule_their_sas():
    policy = AccessPolicy(permission="r", expiry=SOON, start=datetime.now(timezone.utc) - timedelta(hours=1))
    container.set_container_access_policy({"readers": policy})
    kept = container.get_container_access_policy()
    assert [(one.id, one.access_policy.permission) for one in kept["signed_identifiers"]] == [("readers", "r")]
    sas = generate_container_sas(ACCOUNT, "sdk", account_key=KEY, policy_id="readers")
    reader = ContainerClient.from_container_url(f"{container.url}?{sas}", retry_total=0)
    assert reader.download_blob("signed").readall() == b"signed"
    container.set_container_access_policy({})
    refused(lambda: reader.download_blob("signed"), "AuthenticationFailed", 403)
    refused(lambda: container.set_container_access_policy({}, public_access="blob"), "PublicAccessNotPermitted", 409)


@check
def a_user_delegation_key_signs_for_its_holder():
    # The SDK sends tokens over HTTPS only; the key is asked for by hand, over the same pipeline.
    key = delegation_key()
    sas = generate_blob_sas(ACCOUNT, "sdk", "signed", user_delegation_key=key, permission="r", expiry=SOON)
    reader = BlobClient.from_blob_url(f"{container.url}/signed?{sas}", retry_total=0)
    assert reader.download_blob().readall() == b"signed"
    refused(reader.delete_blob, "AuthorizationPermissionMismatch", 403)
    sas = generate_container_sas(ACCOUNT, "sdk", user_delegation_key=key, permission="l", expiry=SOON)
    lister = ContainerClient.from_container_url(f"{container.url}?{sas}", retry_total=0)
    assert "signed" in [one.name for one in lister.list_blobs()]
    key.value = key.value.swapcase()
    sas = generate_blob_sas(ACCOUNT, "sdk", "signed", user_delegation_key=key, permission="r", expiry=SOON)
    bent = BlobClient.from_blob_url(f"{container.url}/signed?{sas}", retry_total=0)
    refused(bent.download_blob, "AuthenticationFailed", 403)


def delegation_key():
    import urllib.request
    import xml.etree.ElementTree

    from azure.storage.blob import UserDelegationKey

    body = f"<KeyInfo><Start></Start><Expiry>{SOON:%Y-%m-%dT%H:%M:%SZ}</Expiry></KeyInfo>".encode()
    headers = {"Authorization": f"Bearer {TOKEN}", "x-ms-version": "2026-10-06", "Content-Type": "application/xml"}
    request = urllib.request.Request(f"{URL}/?restype=service&comp=userdelegationkey", body, headers, method="POST")
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
        found = {child.tag: child.text for child in xml.etree.ElementTree.fromstring(answer.read())}
    key = UserDelegationKey()
    key.signed_oid, key.signed_tid = found["SignedOid"], found["SignedTid"]
    key.signed_start, key.signed_expiry = found["SignedStart"], found["SignedExpiry"]
    key.signed_service, key.signed_version, key.value = found["SignedService"], found["SignedVersion"], found["Value"]
    key.signed_delegated_user_tid = None
    return key


@check
def service_properties_are_kept():
    found = service.get_service_properties()
    assert found["cors"] == [] and not found["hour_metrics"].enabled and not found["static_website"].enabled
    rule = CorsRule(["http://a.example"], ["GET", "PUT"], max_age_in_seconds=60, allowed_headers=["x-ms-meta-*"])
    metrics = Metrics(enabled=True, include_apis=True, retention_policy=RetentionPolicy(enabled=True, days=5))
    service.set_service_properties(cors=[rule], hour_metrics=metrics, target_version="2025-07-05")
    service.set_service_properties(minute_metrics=Metrics(enabled=False))
    found = service.get_service_properties()
    assert [(one.allowed_origins, one.max_age_in_seconds) for one in found["cors"]] == [("http://a.example", 60)]
    assert found["hour_metrics"].enabled and found["hour_metrics"].retention_policy.days == 5
    assert found["target_version"] == "2025-07-05"
    service.set_service_properties(cors=[])
    assert service.get_service_properties()["cors"] == []
    soft_delete = lambda: service.set_service_properties(delete_retention_policy=RetentionPolicy(enabled=True, days=3))
    refused(soft_delete, "FeatureNotSupported", 400)


@check
def page_blobs_are_written_by_pages():
    blob = container.get_blob_client("disk")
    blob.create_page_blob(4096, metadata={"k": "v"})
    blob.upload_page(b"a" * 1024, 512, 1024)
    blob.upload_page(b"b" * 512, 2048, 512)
    blob.clear_page(512, 512)
    assert blob.get_page_ranges()[0] == [{"start": 1024, "end": 1535}, {"start": 2048, "end": 2559}]
    assert [(one.start, one.end) for one in blob.list_page_ranges(results_per_page=1)] == [(1024, 1535), (2048, 2559)]
    content = blob.download_blob().readall()
    assert content == bytes(1024) + b"a" * 512 + bytes(512) + b"b" * 512 + bytes(1536)
    found = blob.get_blob_properties()
    assert (found.blob_type, found.size, found.page_blob_sequence_number) == ("PageBlob", 4096, 0)
    blob.set_sequence_number(SequenceNumberAction.UPDATE, 7)
    stale = lambda: blob.upload_page(b"c" * 512, 0, 512, if_sequence_number_lt=7)
    refused(stale, "SequenceNumberConditionNotMet", 412)
    blob.resize_blob(2048)
    assert blob.get_blob_properties().size == 2048
    copy = container.get_blob_client("disk-part")
    copy.create_page_blob(1024)
    sas = generate_blob_sas(ACCOUNT, "sdk", "disk", account_key=KEY, permission="r", expiry=SOON)
    copy.upload_pages_from_url(f"{blob.url}?{sas}", 0, 1024, 1024)
    assert copy.download_blob().readall() == b"a" * 512 + bytes(512)
    image = container.get_blob_client("image")
    image.upload_blob(bytes(1024) + b"z" * 1024, blob_type="PageBlob", overwrite=True)
    assert image.download_blob().readall() == bytes(1024) + b"z" * 1024
    refused(lambda: blob.stage_block("a", b"x"), "InvalidBlobType", 409)


@check
def pages_that_differ_are_told():
    blob = container.get_blob_client("differs")
    blob.create_page_blob(8192)
    blob.upload_page(b"a" * 2048, 0, 2048)
    snapshot = blob.create_snapshot()
    blob.upload_page(b"b" * 512, 1024, 512)
    blob.upload_page(b"c" * 512, 4096, 512)
    blob.clear_page(0, 512)
    written, cleared = [{"start": 1024, "end": 1535}, {"start": 4096, "end": 4607}], [{"start": 0, "end": 511}]
    assert blob.get_page_ranges(previous_snapshot_diff=snapshot) == (written, cleared)
    url = f"{blob.url}?snapshot={snapshot['snapshot']}"
    assert blob.get_page_range_diff_for_managed_disk(url) == (written, cleared)
    assert blob.get_page_ranges(1024, 1024, previous_snapshot_diff=snapshot) == (written[:1], [])
    pages = blob.list_page_ranges(previous_snapshot=snapshot, results_per_page=1)
    found = [(one.start, one.end, one.cleared) for one in pages]
    assert found == [(0, 511, True), (1024, 1535, False), (4096, 4607, False)], found


@check
def many_are_deleted_in_a_batch():
    batch = fresh("batch")
    for number in range(5):
        batch.upload_blob(f"b{number}", b"x")
    answers = list(batch.delete_blobs("b0", "b1", "b2"))
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert list(batch.list_blob_names()) == ["b3", "b4"]


@check
def errors_say_what_a_user_understands():
    missing = container.get_blob_client("missing")
    assert isinstance(refused(missing.download_blob, "BlobNotFound", 404), ResourceNotFoundError)
    assert not missing.exists()
    refused(missing.delete_blob, "BlobNotFound", 404)
    lost = service.get_blob_client("nowhere", "x")
    assert isinstance(refused(lambda: lost.upload_blob(b"x"), "ContainerNotFound", 404), ResourceNotFoundError)
    wrong = BlobServiceClient(URL, credential="c2VjcmV0", retry_total=0)
    refused(lambda: wrong.get_container_client("sdk").get_container_properties(), "AuthenticationFailed", 403)
    anonymous = BlobClient(URL, "sdk", "signed", retry_total=0)
    refused(anonymous.download_blob, "PublicAccessNotPermitted", 409)


if __name__ == "__main__":
    main()
