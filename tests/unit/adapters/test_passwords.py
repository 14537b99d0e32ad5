from alumniq_pipelines.adapters.passwords import hash_password, is_password


def test_a_password_is_kept_as_a_salted_argon2id_hash() -> None:
    first, second = hash_password("open sesame"), hash_password("open sesame")
    assert first != second
    assert first.startswith("$argon2id$")
    assert is_password(first, "open sesame")
    assert not is_password(first, "open sesam")


def test_nobodys_password_is_never_right() -> None:
    assert not is_password(None, "hello")
    assert not is_password("not a hash", "hello")
