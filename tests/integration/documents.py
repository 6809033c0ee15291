"""PDF documents for tests, and the three programs that say whether a signature on one is good."""

import asyncio
import io
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from asn1crypto import cms, pem, x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import SignatureCoverageLevel, async_validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from integration.service import clean_environment

_BYTE_RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]")


def blank_pdf(text: str = "Prescription") -> bytes:
    """Return a PDF 1.7 file of one page with a line of text, made by hand (ISO 32000-1, 7.5)."""
    content = f"BT /F1 24 Tf 72 720 Td ({text}) Tj ET".encode("ascii")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out = io.BytesIO()
    out.write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.writelines(b"%010d 00000 n \n" % offset for offset in offsets)
    out.write(b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start))
    return out.getvalue()


@dataclass(frozen=True)
class SignedParts:
    """What a signed PDF says of itself, read from its bytes without a PDF library."""

    content: bytes
    signature: bytes

    @classmethod
    def of(cls, document: bytes) -> "SignedParts":
        ranges = _BYTE_RANGE.findall(document)
        assert len(ranges) == 1, "one signature a document"
        start, length, second, rest = (int(number) for number in ranges[0])
        assert start == 0
        assert second + rest == len(document), "the signature must cover the file to its end"
        padded = bytes.fromhex(document[length + 1 : second - 1].decode("ascii"))
        return cls(document[:length] + document[second:], _without_padding(padded))


class Checker:
    """Judges signed PDFs against one root: pyHanko, OpenSSL and poppler, each on its own."""

    def __init__(self, trust_root: Path, folder: Path) -> None:
        self.trust_root = trust_root
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)

    def check(self, document: bytes, signer: x509.Certificate, *, digest: str, mechanism: str) -> None:
        """Fail unless all three programs accept the signature and it is what was asked for."""
        parts = SignedParts.of(document)
        self._facts(parts, signer, digest, mechanism)
        self._pyhanko(document)
        self._openssl(parts)
        self._pdfsig(document)

    def _facts(self, parts: SignedParts, signer: x509.Certificate, digest: str, mechanism: str) -> None:
        signed = cms.ContentInfo.load(parts.signature)["content"]
        info = signed["signer_infos"][0]
        assert info["digest_algorithm"]["algorithm"].native == digest
        assert info["signature_algorithm"]["algorithm"].native == mechanism
        assert signer.dump() in [choice.chosen.dump() for choice in signed["certificates"]]

    def _pyhanko(self, document: bytes) -> None:
        root = x509.Certificate.load(pem.unarmor(self.trust_root.read_bytes())[2])
        context = ValidationContext(trust_roots=[root], allow_fetching=False)
        embedded = PdfFileReader(io.BytesIO(document)).embedded_signatures
        assert len(embedded) == 1
        status = asyncio.run(async_validate_pdf_signature(embedded[0], context))
        verdict = status.summary()
        assert status.intact and status.valid, verdict
        assert status.trusted, verdict
        assert status.coverage is SignatureCoverageLevel.ENTIRE_FILE, verdict
        assert status.bottom_line, verdict

    def _openssl(self, parts: SignedParts) -> None:
        """With -cades the signing-certificate-v2 attribute is checked too (RFC 5035)."""
        content, signature = self.folder / "content", self.folder / "signature.der"
        content.write_bytes(parts.content)
        signature.write_bytes(parts.signature)
        command = [
            "openssl", "cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", str(signature),
            "-content", str(content), "-CAfile", str(self.trust_root), "-purpose", "any", "-out", "/dev/null",
        ]  # fmt: skip
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 0, ended.stderr

    def _pdfsig(self, document: bytes) -> None:
        path = self.folder / "signed.pdf"
        path.write_bytes(document)
        command = ["pdfsig", "-nocert", str(path)]
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, env=clean_environment() | {"LC_ALL": "C"}
        )
        report = ended.stdout + ended.stderr
        assert "Signature Validation: Signature is Valid." in report, report
        assert "Total document signed" in report, report
        assert report.count("Signature #") == 1, report


def _without_padding(padded: bytes) -> bytes:
    """Return the DER value without the zeros a PDF fills its placeholder with; nothing else may follow."""
    assert padded[0] == 0x30
    if padded[1] < 0x80:
        end = 2 + padded[1]
    else:
        octets = padded[1] & 0x7F
        assert octets, "DER has definite lengths"
        end = 2 + octets + int.from_bytes(padded[2 : 2 + octets], "big")
    assert not padded[end:].strip(b"\x00")
    return padded[:end]
