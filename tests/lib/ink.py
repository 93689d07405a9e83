"""ink -- the keys of payment providers, made here, and what openssl writes with them.

    keys = Keys(directory)                    # wechat, alipay and other, with apiv3 and keys.yaml
    keys.rsa("wechat", b"text")               # SHA-256 with RSA, in base64
    seal(keys.apiv3, nonce, aad, b"text")     # AES-256-GCM

What goes over the wire is put together in the tests and not by the codec, so that they have an
opinion of their own.
"""
import base64
import os
import subprocess

# Of keys.yaml: what both of them need to be verified with.
PROVIDERS = """\
wechat:
  mchid: "1900000001"
  apiv3_key_file: apiv3
  verify_keys:
    - id: PUB_KEY_ID_1
      pem_file: wechat.pem
alipay:
  app_id: "2019"
  seller_id: "2088"
  public_key_file: alipay.pem
"""


def run(*words, data=None):
    return subprocess.run(words, input=data, check=True, capture_output=True).stdout


def seal(key, nonce, aad, text):
    """AES-256-GCM: counter mode by openssl's pen, the tag by GHASH."""
    def times(x, y):
        z, v = 0, y
        for i in range(127, -1, -1):
            z ^= v if x >> i & 1 else 0
            v = v >> 1 ^ (0xe1 << 120 if v & 1 else 0)
        return z

    def padded(b):
        return b + bytes(-len(b) % 16)

    n = (len(text) + 15) // 16
    blocks = nonce + b"\0\0\0\1" + b"".join(nonce + (i + 2).to_bytes(4, "big") for i in range(n)) + bytes(16)
    stream = run("openssl", "enc", "-aes-256-ecb", "-nopad", "-K", key.encode().hex(), data=blocks)
    cipher = bytes(a ^ b for a, b in zip(text, stream[16:]))
    h, tag = int.from_bytes(stream[-16:], "big"), 0
    whole = padded(aad) + padded(cipher) + (8 * len(aad)).to_bytes(8, "big") + (8 * len(cipher)).to_bytes(8, "big")
    for i in range(0, len(whole), 16):
        tag = times(tag ^ int.from_bytes(whole[i:i + 16], "big"), h)
    return cipher + bytes(a ^ b for a, b in zip(tag.to_bytes(16, "big"), stream[:16]))


class Keys:
    """WeChat Pay, Alipay, and whoever has no right to sign for them ("other")."""

    def __init__(self, directory, more=""):
        self.dir = directory
        for name in ("wechat", "alipay", "other"):
            run("openssl", "genrsa", "-out", self.at(name + ".key"), "2048")
            run("openssl", "rsa", "-in", self.at(name + ".key"), "-pubout", "-out", self.at(name + ".pem"))
        self.apiv3 = os.urandom(16).hex()
        self.write("apiv3", self.apiv3)
        self.keys = self.write("keys.yaml", PROVIDERS + more)

    def at(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.at(name), "w", encoding="ascii", opener=lambda p, f: os.open(p, f, 0o600)) as f:
            f.write(text)
        return self.at(name)

    def rsa(self, key, text):
        return base64.b64encode(run("openssl", "dgst", "-sha256", "-sign", self.at(key + ".key"), data=text)).decode()
