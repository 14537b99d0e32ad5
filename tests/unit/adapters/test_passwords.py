from alumniq_pipelines.adapters.passwords import hash_password, verify_password


def test_a_password_is_stored_as_a_salted_argon2id_hash() -> None:
    first, second = hash_password("open sesame"), hash_password("open sesame")
    assert first != second
    assert first.startswith("$argon2id$")
    assert verify_password(first, "open sesame")
    assert not verify_password(first, "open sesam")


def test_nobodys_password_is_never_right() -> None:
    assert not verify_password(None, "hello")
    assert not verify_password("not a hash", "hello")
