"""Azure's SDK for Python against the embedded vault, as its users call it."""

import os
from datetime import datetime, timedelta, timezone

from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.keyvault.keys import ApiVersion, KeyClient, KeyType
from azure.keyvault.keys.crypto import CryptographyClient, EncryptionAlgorithm, KeyWrapAlgorithm

from checks import check, main

VAULT = os.environ["VAULT_URL"]
AUTHORITY, TENANT = os.environ["AUTHORITY"].rsplit("/", 1)
# What is read back once is what it stays: nothing here is tried again.
OPTIONS = dict(verify_challenge_resource=False, retry_total=0)
PLAIN = bytes(range(32))


def credential(name, secret=None):
    client, own = os.environ[name].split(":")
    return ClientSecretCredential(
        TENANT, client, secret or own, authority=AUTHORITY, disable_instance_discovery=True, retry_total=0
    )


keys = KeyClient(VAULT, credential("ADMIN"), **OPTIONS)
# Without the right to get a key, the SDK has everything done by the vault: what it has the key for, it does itself.
blind = credential("BLIND")


def remote(key):
    return CryptographyClient(key, blind, **OPTIONS)


def inner(error):
    found = error.error.innererror
    return found["code"] if found else error.error.code


def refused(call, kind, code):
    try:
        call()
    except kind as error:
        assert inner(error) == code, f"{inner(error)} instead of {code}: {error}"
        return error
    raise AssertionError(f"it went well instead of {code}")


@check
def keys_are_made_and_described():
    made = keys.create_rsa_key("sdk", size=2048, tags={"team": "gold"})
    assert made.key_type == KeyType.rsa and made.name == "sdk"
    assert made.properties.version in made.id and made.properties.vault_url == VAULT
    assert made.properties.enabled and made.properties.tags == {"team": "gold"}
    assert made.properties.recovery_level == "Recoverable+Purgeable" and not made.properties.exportable
    assert len(made.key.n) == 256 and made.key.e == b"\x01\x00\x01"
    found = keys.get_key("sdk")
    assert found.id == made.id and found.key.n == made.key.n
    assert keys.get_key("SDK", made.properties.version).id == made.id
    assert set(made.key_operations) == {"encrypt", "decrypt", "wrapKey", "unwrapKey"}


@check
def a_key_is_wrapped_by_the_vault_and_unwrapped_by_it():
    key = keys.get_key("sdk")
    for algorithm in (KeyWrapAlgorithm.rsa_oaep_256, KeyWrapAlgorithm.rsa_oaep):
        far = remote(key.id)
        wrapped = far.wrap_key(algorithm, PLAIN)
        assert wrapped.key_id == key.id and wrapped.encrypted_key != PLAIN
        assert far.unwrap_key(algorithm, wrapped.encrypted_key).key == PLAIN


@check
def what_the_sdk_wraps_itself_the_vault_unwraps():
    key = keys.get_key("sdk")
    near = keys.get_cryptography_client("sdk")
    for algorithm in (KeyWrapAlgorithm.rsa_oaep_256, KeyWrapAlgorithm.rsa_oaep):
        wrapped = near.wrap_key(algorithm, PLAIN)
        assert near.unwrap_key(algorithm, wrapped.encrypted_key).key == PLAIN
        assert remote(key.id).unwrap_key(algorithm, wrapped.encrypted_key).key == PLAIN


@check
def bytes_are_encrypted_and_decrypted():
    far = remote(keys.get_key("sdk").id)
    for algorithm in (EncryptionAlgorithm.rsa_oaep_256, EncryptionAlgorithm.rsa_oaep):
        sealed = far.encrypt(algorithm, PLAIN)
        assert far.decrypt(algorithm, sealed.ciphertext).plaintext == PLAIN
    refused(lambda: far.decrypt(EncryptionAlgorithm.rsa_oaep_256, bytes(256)), HttpResponseError, "BadParameter")
    refused(lambda: far.encrypt(EncryptionAlgorithm.rsa1_5, PLAIN), HttpResponseError, "BadParameter")


@check
def a_key_without_a_version_is_the_current_one():
    before = keys.get_key("sdk")
    far = remote(f"{VAULT}/keys/sdk")
    wrapped = far.wrap_key(KeyWrapAlgorithm.rsa_oaep_256, PLAIN)
    rotated = keys.rotate_key("sdk")
    assert rotated.id != before.id and rotated.properties.tags == {"team": "gold"}
    assert keys.get_key("sdk").id == rotated.id
    old = remote(before.id)
    assert old.unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, wrapped.encrypted_key).key == PLAIN
    crossed = remote(rotated.id)
    refused(
        lambda: crossed.unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, wrapped.encrypted_key), HttpResponseError, "BadParameter"
    )


@check
def versions_and_keys_are_listed_by_pages():
    for _ in range(3):
        keys.rotate_key("sdk")
    every = [one.version for one in keys.list_properties_of_key_versions("sdk")]
    assert len(every) == len(set(every)) == 5
    pages = [list(page) for page in keys.list_properties_of_key_versions("sdk", max_page_size=2).by_page()]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [one.version for page in pages for one in page] == every
    for name in ("list-a", "list-b", "list-c"):
        keys.create_rsa_key(name, size=2048)
    pages = [[one.name for one in page] for page in keys.list_properties_of_keys(max_page_size=2).by_page()]
    assert pages == [["list-a", "list-b"], ["list-c", "sdk"]], pages
    assert all(one.version is None for one in keys.list_properties_of_keys())


@check
def a_disabled_key_is_of_no_use():
    key = keys.create_rsa_key("switch", size=2048)
    wrapped = remote(key.id).wrap_key(KeyWrapAlgorithm.rsa_oaep_256, PLAIN)
    assert not keys.update_key_properties("switch", enabled=False).properties.enabled
    unwrap = lambda: remote(key.id).unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, wrapped.encrypted_key).key
    error = refused(unwrap, HttpResponseError, "KeyDisabled")
    assert error.status_code == 403 and error.error.code == "Forbidden"
    keys.update_key_properties("switch", key.properties.version, enabled=True, tags={"a": "b"})
    assert unwrap() == PLAIN and keys.get_key("switch").properties.tags == {"a": "b"}


@check
def dates_and_uses_are_heeded():
    now = datetime.now(timezone.utc)
    key = keys.create_rsa_key("dated", size=2048)
    far = lambda: remote(key.id)
    wrapped = far().wrap_key(KeyWrapAlgorithm.rsa_oaep_256, PLAIN)
    expired = keys.update_key_properties("dated", expires_on=now - timedelta(days=1))
    assert expired.properties.expires_on < now
    refused(lambda: far().wrap_key(KeyWrapAlgorithm.rsa_oaep_256, PLAIN), HttpResponseError, "KeyExpired")
    assert far().unwrap_key(KeyWrapAlgorithm.rsa_oaep_256, wrapped.encrypted_key).key == PLAIN
    early = keys.create_rsa_key("early", size=2048, not_before=now + timedelta(days=1))
    refused(lambda: remote(early.id).wrap_key(KeyWrapAlgorithm.rsa_oaep_256, PLAIN), HttpResponseError, "KeyNotYetValid")
    keys.update_key_properties("switch", key_operations=["unwrapKey"])
    switch = keys.get_key("switch")
    assert switch.key_operations == ["unwrapKey"]
    refused(
        lambda: remote(switch.id).wrap_key(KeyWrapAlgorithm.rsa_oaep_256, PLAIN), HttpResponseError, "KeyOperationForbidden"
    )


@check
def a_deleted_key_can_be_had_back_until_it_is_purged():
    made = keys.create_rsa_key("gone", size=2048)
    deleted = keys.begin_delete_key("gone").result()
    assert deleted.recovery_id == f"{VAULT}/deletedkeys/gone" and deleted.deleted_date and deleted.scheduled_purge_date
    refused(lambda: keys.get_key("gone"), ResourceNotFoundError, "KeyNotFound")
    assert keys.get_deleted_key("gone").id == made.id
    assert [one.name for one in keys.list_deleted_keys()] == ["gone"]
    refused(lambda: keys.create_rsa_key("gone", size=2048), ResourceExistsError, "ObjectIsDeletedButRecoverable")
    recovering = keys.begin_recover_deleted_key("gone")
    recovering.wait()
    assert recovering.result().id == made.id == keys.get_key("gone").id
    keys.begin_delete_key("gone").wait()
    keys.purge_deleted_key("gone")
    refused(lambda: keys.get_deleted_key("gone"), ResourceNotFoundError, "KeyNotFound")
    assert keys.create_rsa_key("gone", size=2048).id != made.id


@check
def larger_keys_are_made_and_odd_ones_are_not():
    for size in (3072, 4096):
        key = keys.create_rsa_key(f"size-{size}", size=size)
        assert len(key.key.n) * 8 == size
        assert remote(key.id).wrap_key(KeyWrapAlgorithm.rsa_oaep_256, PLAIN).encrypted_key
    refused(lambda: keys.create_rsa_key("odd", size=1024), HttpResponseError, "BadParameter")
    refused(lambda: keys.create_ec_key("odd"), HttpResponseError, "BadParameter")
    refused(lambda: keys.create_rsa_key("o_dd", size=2048), HttpResponseError, "BadParameter")
    refused(lambda: keys.get_key("odd"), ResourceNotFoundError, "KeyNotFound")


@check
def who_has_no_right_is_told_so():
    reader = KeyClient(VAULT, blind, **OPTIONS)
    error = refused(lambda: reader.get_key("sdk"), HttpResponseError, "ForbiddenByPolicy")
    assert error.status_code == 403
    refused(lambda: reader.create_rsa_key("mine", size=2048), HttpResponseError, "ForbiddenByPolicy")
    refused(lambda: list(reader.list_properties_of_keys()), HttpResponseError, "ForbiddenByPolicy")


@check
def a_wrong_secret_is_no_client():
    stranger = KeyClient(VAULT, credential("ADMIN", "wrong"), **OPTIONS)
    try:
        stranger.get_key("sdk")
    except ClientAuthenticationError as error:
        assert "AADSTS7000215" in str(error), error
    else:
        raise AssertionError("a wrong secret was taken")


@check
def older_versions_of_the_api_are_spoken():
    for version in (ApiVersion.V7_0, ApiVersion.V7_4, ApiVersion.V7_6):
        assert KeyClient(VAULT, credential("ADMIN"), api_version=version, **OPTIONS).get_key("sdk").name == "sdk"
    old = KeyClient(VAULT, credential("ADMIN"), api_version=ApiVersion.V2016_10_01, **OPTIONS)
    refused(lambda: old.get_key("sdk"), HttpResponseError, "BadParameter")


main()
