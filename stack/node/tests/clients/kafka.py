"""Events that the node has put into a topic, as librdkafka reads them, and where its own partitioner puts such keys."""

import json
import os

from confluent_kafka import Consumer, Producer, TopicPartition

from checks import check, main

BROKER = {"bootstrap.servers": os.environ["BROKER"]}
TOPIC, TWIN = os.environ["TOPIC"], os.environ["TWIN"]
PARTITIONS, COUNT = int(os.environ["PARTITIONS"]), int(os.environ["COUNT"])
WAIT_S = 60


def read(topic, count):
    consumer = Consumer(BROKER | {"group.id": "reader", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
    found = []
    while len(found) < count:
        record = consumer.poll(WAIT_S)
        assert record is not None, f"{len(found)} records of {count} came"
        assert record.error() is None, record.error()
        found.append(record)
    consumer.close()
    return found


RECORDS = read(TOPIC, COUNT)


@check
def a_record_is_a_cloud_event_in_structured_mode():
    for record in RECORDS:
        assert dict(record.headers()) == {"content-type": b"application/cloudevents+json; charset=UTF-8"}, record.headers()
        event = json.loads(record.value())
        assert event["specversion"] == "1.0" and event["type"].startswith("Microsoft.Storage.Blob"), event
        assert event["source"] == "/greenroom/storageAccounts/acct", event
        container, blob = event["subject"].removeprefix("/blobServices/default/containers/").split("/blobs/", 1)
        assert record.key().decode() == f"{container}/{blob}", (record.key(), event)


@check
def its_time_is_the_event_s():
    from datetime import datetime

    for record in RECORDS:
        at = datetime.fromisoformat(json.loads(record.value())["time"][:23] + "+00:00")
        assert record.timestamp()[1] == round(at.timestamp() * 1000), (record.timestamp(), at)


@check
def it_is_where_kafka_s_partitioner_puts_its_key():
    producer = Producer(BROKER | {"partitioner": "murmur2_random"})
    keys = {record.key() for record in RECORDS}
    for key in keys:
        producer.produce(TWIN, key=key, value=b"")
    assert producer.flush(WAIT_S) == 0
    theirs = {record.key(): record.partition() for record in read(TWIN, len(keys))}
    ours = {record.key(): record.partition() for record in RECORDS}
    assert ours == theirs, {key: (ours[key], theirs[key]) for key in keys if ours[key] != theirs[key]}
    assert len(set(ours.values())) == PARTITIONS, "keys are spread"


main()
