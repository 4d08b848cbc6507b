"""The next key, from files that OpenSSL has written; its record as OpenSSL has it."""

from __future__ import annotations

import subprocess
from ssl import PEM_cert_to_DER_cert

import pytest

from tests.publication.scene import MX1
from unstrip.publication import BadPem, from_certificates, from_key
from unstrip.publication.dane import of_key

DIGEST = "openssl {} | openssl pkey -pubin -outform DER | openssl dgst -sha256 -r"


def openssl(pipe: str, data: bytes = b"") -> bytes:
    command = ["bash", "-c", f"set -e; {pipe}"]
    return subprocess.run(command, input=data, capture_output=True, check=True, timeout=30).stdout


@pytest.fixture(
    params=[
        "-newkey ed25519",
        "-newkey ec -pkeyopt ec_paramgen_curve:P-256",
        "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit",
        "-newkey rsa:2048",
        "-newkey rsa-pss -pkeyopt rsa_keygen_bits:2048",
    ]
)
def made(request, tmp_path):
    """A key and a certificate."""
    key = tmp_path / "key.pem"
    command = f"openssl req -x509 {request.param} -nodes -subj /CN={MX1} -days 9 -keyout {key}"
    return key, openssl(command)


def test_the_record_of_a_certificate_is_the_one_that_openssl_makes(made):
    _, pem = made
    digest = openssl(DIGEST.format("x509 -pubkey -noout"), pem).split()[0].decode()
    assert of_key(from_certificates(pem).spki).text == f"3 1 1 {digest}"


def test_a_private_key_a_public_key_and_the_certificate_are_one_key(made):
    path, pem = made
    public = openssl(f"openssl pkey -in {path} -pubout")
    keys = [from_key(path.read_bytes()), from_key(public), from_certificates(pem)]
    assert len({key.spki for key in keys}) == 1
    assert [bool(key.chain) for key in keys] == [False, False, True]


def test_a_public_key_is_taken_as_it_stands():
    make = "openssl ecparam -name prime256v1 -genkey -noout | openssl ec -conv_form compressed"
    pem = openssl(f"{make} -pubout")
    shorter = openssl("openssl dgst -sha256 -r", PEM_cert_to_DER_cert(as_certificate(pem)))
    assert of_key(from_key(pem).spki).text == f"3 1 1 {shorter.split()[0].decode()}"


def as_certificate(public: bytes) -> str:
    """What the standard library reads."""
    return public.decode().replace("PUBLIC KEY", "CERTIFICATE")


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        ("openssl genpkey -algorithm X25519", "X25519"),
        ("openssl genpkey -algorithm X448", "X448"),
        ("openssl genpkey -algorithm DH -pkeyopt group:ffdhe2048", "Diffie-Hellman"),
        ("openssl genpkey -algorithm DHX -pkeyopt group:dh_2048_256", "Diffie-Hellman"),
    ],
)
def test_a_key_that_no_server_can_show_is_refused_by_its_name(make, kind):
    private = openssl(make)
    for pem in (private, openssl("openssl pkey -pubout", private)):
        with pytest.raises(BadPem, match=f"a key for {kind} signs nothing"):
            from_key(pem)


def test_a_file_full_of_beginnings_takes_no_longer_than_its_length():
    with pytest.raises(BadPem):
        from_key(b"-----BEGIN PUBLIC KEY-----" * 40_000)


def test_a_key_with_a_passphrase_is_not_read(made):
    path, _ = made
    locked = openssl(f"openssl pkey -in {path} -aes256 -passout pass:secret")
    with pytest.raises(BadPem, match="passphrase"):
        from_key(locked)


@pytest.mark.parametrize("read", [from_key, from_certificates])
@pytest.mark.parametrize(
    "junk", [b"", b"\0\xff", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"]
)
def test_anything_else_is_an_error_with_a_name(read, junk):
    with pytest.raises(BadPem):
        read(junk)


def test_a_certificate_and_a_key_are_told_from_each_other(made):
    path, certificate = made
    with pytest.raises(BadPem, match="this is a certificate") as wrong:
        from_key(certificate)
    assert wrong.value.hint == "give it by --next-cert"
    with pytest.raises(BadPem, match="this is a key") as wrong:
        from_certificates(path.read_bytes())
    assert wrong.value.hint == "give it by --next-key"


def test_all_certificates_of_a_file_are_its_chain(pki):
    leaf = pki.ca.issue_cert(MX1)
    pem = b"".join(part.bytes() for part in leaf.cert_chain_pems) + pki.ca.cert_pem.bytes()
    assert len(from_certificates(pem).chain) == 2
