"""Microsoft's change feed reader against a feed that the gateway writes: with pages, cursors and ranges of time."""

import os
import time
from datetime import datetime, timedelta, timezone

from azure.storage.blob import BlobServiceClient, ContentSettings, StandardBlobTier
from azure.storage.blob.changefeed import ChangeFeedClient

from checks import check, main, refused

URL = os.environ["BLOB_URL"]
KEY = os.environ["ACCOUNT_KEY"]
WAIT_S = 60

service = BlobServiceClient(URL, credential=KEY, retry_total=0)
feed = ChangeFeedClient(URL, credential=KEY)
container = service.create_container("photos")
SAID = {}


def events(**options):
    return [event for event in feed.list_changes(**options) if event["eventType"] != "Control"]


def until(count):
    """All events, once there are so many: a segment is to be read once it has ended."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        found = events()
        if len(found) >= count:
            return found
        time.sleep(0.2)
    raise AssertionError(f"{len(found)} events of {count} came in {WAIT_S} s")


def name(event):
    return event["subject"].split("/blobs/", 1)[1]


@check
def every_operation_is_an_event_with_what_its_answer_said():
    def note(response):
        SAID[response.http_response.headers["x-ms-request-id"]] = response.http_response.headers.get("etag")

    blob = container.get_blob_client("a/ü b")
    blob.upload_blob(b"one", content_settings=ContentSettings(content_type="text/plain"), raw_response_hook=note)
    blob.upload_blob(b"three", overwrite=True, raw_response_hook=note)
    blob.set_blob_metadata({"team": "gold"}, raw_response_hook=note)
    blob.set_standard_blob_tier(StandardBlobTier.COOL, raw_response_hook=note)
    blob.create_snapshot(raw_response_hook=note)
    blob.delete_blob(delete_snapshots="include", raw_response_hook=note)
    found = until(6)
    expected = ["BlobCreated", "BlobCreated", "BlobPropertiesUpdated", "BlobTierChanged", "BlobSnapshotCreated", "BlobDeleted"]
    assert [event["eventType"] for event in found] == expected, found
    assert {name(event) for event in found} == {"a/ü b"}
    assert [event["data"]["requestId"] for event in found] == list(SAID)
    assert all(event["data"]["clientRequestId"] for event in found)
    apis = [event["data"]["api"] for event in found]
    assert apis == ["PutBlob", "PutBlob", "SetBlobMetadata", "SetBlobTier", "SnapshotBlob", "DeleteBlob"], apis
    created = found[1]["data"]
    assert (created["contentLength"], created["contentType"]) == (5, "application/octet-stream"), created
    assert found[0]["data"]["contentType"] == "text/plain"
    assert created["blobType"] == "BlockBlob" and f'"{created["etag"]}"' == SAID[created["requestId"]], created
    sequencers = [event["data"]["sequencer"] for event in found]
    assert sequencers == sorted(sequencers) and len(set(sequencers)) == 6, sequencers
    times = [event["eventTime"] for event in found]
    assert times == sorted(times)


@check
def pages_and_cursors_bring_each_event_once():
    before = len(events())
    for number in range(250):
        container.upload_blob(f"n/{number}", b"x")
    everything = [event["id"] for event in until(before + 250)]
    assert len(set(everything)) == len(everything)
    token, found, pages = None, [], 0
    while True:
        turns = feed.list_changes(results_per_page=7).by_page(continuation_token=token)
        page = next(turns, None)
        if page is None:
            break
        found += [event["id"] for event in page if event["eventType"] != "Control"]
        token, pages = turns.continuation_token, pages + 1
        assert pages < 200
    assert sorted(found) == sorted(everything), (len(found), len(everything))


@check
def a_cursor_at_the_end_brings_what_came_after_it():
    turns = feed.list_changes(results_per_page=5_000).by_page()
    before = [event for page in turns for event in page]
    token, seen = turns.continuation_token, {event["id"] for event in before}
    container.upload_blob("later", b"x")
    until(len([event for event in before if event["eventType"] != "Control"]) + 1)
    new = [event for page in feed.list_changes().by_page(continuation_token=token) for event in page]
    assert [name(event) for event in new if event["id"] not in seen] == ["later"], new


@check
def ranges_of_time_are_kept():
    now = datetime.now(timezone.utc)
    assert len(events(start_time=now - timedelta(hours=1))) == len(events())
    assert events(end_time=now - timedelta(hours=2)) == []


@check
def the_feed_is_seen_where_it_is_asked_for_and_changed_by_nobody():
    assert [one.name for one in service.list_containers()] == ["photos"]
    log = service.get_container_client("$blobchangefeed")
    assert [one["name"] for one in service.list_containers(include_system=True)] == ["$blobchangefeed", "photos"]
    files = [blob.name for blob in log.list_blobs()]
    assert files[-1] == "meta/segments.json" and any(file.startswith("log/00/") for file in files), files
    for change in [
        lambda: log.upload_blob("mine", b"x"),
        lambda: log.delete_blob("meta/segments.json"),
        lambda: log.set_container_metadata({"a": "b"}),
        lambda: log.delete_container(),
    ]:
        refused(change, "AuthorizationPermissionMismatch", 403)


main()
