"""Small valid files of each format that `tools/fuzz.py` damages."""

from __future__ import annotations

import base64
import io
import re
import struct
import tempfile
import wave
from functools import cache
from json import dumps, loads
from pathlib import Path

import cv2
import numpy as np

ID = "7qiZfU4dY1lWllzX7mPBI3"
URI = f"spotify:track:{ID}"


def csv() -> list[bytes]:
    """Return tables of several programs."""
    header = '"Track URI","Track Name","Artist Name(s)","Release Date","Tempo","Mode"\n'
    rows = f'{header}{URI},Shape,"Ed;Ann",2017-01-06,95.9,0\n'
    return [
        b'title,artist,emotion,likes\nShape,Ed,sad,2\n"12"" Mix",Bob,,\nLast,"B, b",happy,0\n',
        rows.encode(),
        rows.replace(",", ";").encode("utf-16"),
        b"sep=;\r\ntitle;artist;year\r\nCaf\xe9;Ed;2017.0\r\n",
        b"Name\tArtist\tBPM\rShape\tEd\t96\r",
    ]


def json() -> list[bytes]:
    """Return exports of musicond and of Spotify."""
    track = '{"trackName":"Shape","artistName":"Ed","trackUri":"' + URI + '"}'
    return [
        b'[{"title":"Shape","artist":"Ed","emotion":"sad","valence":0.5,"likes":1},{"title":"a","artist":"b"}]',
        ('{"playlists":[{"name":"x","items":[{"track":' + track + "}]}]}").encode(),
        b'{"tracks":[{"artist":"Ed","album":"Divide","track":"Shape","uri":"' + URI.encode() + b'"}]}',
        b'{"items":[{"track":{"name":"Shape","artists":[{"name":"Ed"}]}}]}',
    ]


def m3u() -> list[bytes]:
    """Return playlists of several players; `input.m3u` is the name of the damaged playlist itself."""
    return [
        b"#EXTM3U\n#EXTINF:5,Ann - One\ninput.m3u\n#EXTART:Ann\n./input%2Em3u\nhttp://radio.example/one\n",
        f"#EXTINF:5,Ed - Shape\nhttps://open.spotify.com/intl-de/track/{ID}?si=1\n{URI}\n".encode(),
        "\ufeff#EXTINF:1,Ann - One\r\nC:\\Music\\input.m3u\r\nfile:///input.m3u\r\n".encode("utf-16-le"),
        b'#EXTINF:-1 tvg-logo="a,b",Caf\xe9\nhttp://[::1]:8000/;x.mp3\nfile://localhost/input.m3u\n../input.m3u\n',
    ]


def _id3(version: int = 3) -> bytes:
    frames = b""
    for name, text in (
        (b"TIT2", b"\x03One"),
        (b"TPE1", b"\x00Ann"),
        (b"TDRC", b"\x001999"),
        (b"TBPM", b"\x00101"),
    ):
        frames += name + struct.pack(">IH", len(text), 0) + text
    return b"ID3" + bytes((version, 0, 0)) + struct.pack(">I", len(frames)) + frames


def _vorbis_comment() -> bytes:
    comments = [b"TITLE=One", b"ARTIST=Ann", b"DATE=1999", b"BPM=101"]
    return b"\x01\0\0\0x" + struct.pack("<I", len(comments)) + b"".join(struct.pack("<I", len(c)) + c for c in comments)


def _ogg(*packets: bytes) -> bytes:
    pages = b""
    for number, packet in enumerate(packets):
        lacing = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
        flags = 2 if number == 0 else 4 if number == len(packets) - 1 else 0
        pages += b"OggS" + struct.pack("<BBqIIIB", 0, flags, number * 960, 1, number, 0, len(lacing)) + lacing + packet
    return pages


def _atom(name: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I", len(body) + 8) + name + body


def _mp4() -> bytes:
    def text(name: bytes, value: bytes) -> bytes:
        return _atom(name, _atom(b"data", b"\0\0\0\x01\0\0\0\0", value))

    handler = _atom(b"hdlr", bytes(8), b"mdirappl", bytes(9))
    tags = _atom(b"ilst", text(b"\xa9nam", b"One"), text(b"\xa9ART", b"Ann"), text(b"\xa9day", b"1999"))
    media = _atom(
        b"mdia",
        _atom(b"mdhd", bytes(12), struct.pack(">II", 44100, 44100), bytes(4)),
        _atom(b"hdlr", bytes(8), b"soun", bytes(12)),
    )
    track = _atom(b"trak", media)
    return _atom(b"ftyp", b"M4A \0\0\0\0") + _atom(
        b"moov", track, _atom(b"udta", _atom(b"meta", bytes(4), handler, tags))
    )


def _asf() -> bytes:
    texts = [text.encode("utf-16-le") for text in ("One", "Ann", "", "", "")]
    content = struct.pack("<5H", *map(len, texts)) + b"".join(texts)
    name, value = "WM/Year\0".encode("utf-16-le"), "1999\0".encode("utf-16-le")
    extended = struct.pack("<HH", 1, len(name)) + name + struct.pack("<HH", 0, len(value)) + value
    objects = b""
    for guid, body in (("3326B2758E66CF11A6D900AA0062CE6C", content), ("40A4D0D207E3D21197F000A0C95EA850", extended)):
        objects += bytes.fromhex(guid) + struct.pack("<Q", len(body) + 24) + body
    head = bytes.fromhex("3026B2758E66CF11A6D900AA0062CE6C") + struct.pack("<QIBB", len(objects) + 30, 2, 1, 2)
    return head + objects


def _ape_tag() -> bytes:
    items = b""
    for name, value in ((b"Title", b"One"), (b"Artist", b"Ann"), (b"Year", b"1999")):
        items += struct.pack("<II", len(value), 0) + name + b"\0" + value
    footer = b"APETAGEX" + struct.pack("<IIII", 2000, len(items) + 32, 3, 0) + bytes(8)
    return items + footer


def _chunks(head: bytes, form: bytes, order: str, *chunks: tuple[bytes, bytes]) -> bytes:
    body = form + b"".join(
        name + struct.pack(f"{order}I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in chunks
    )
    return head + struct.pack(f"{order}I", len(body)) + body


def _wav() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(bytes(80))
    content = file.getvalue()[12:] + b"id3 " + struct.pack("<I", len(_id3())) + _id3()
    return b"RIFF" + struct.pack("<I", len(content) + 4) + b"WAVE" + content


def tags() -> list[bytes]:
    """Return audio files of the formats that mutagen reads, with tags and hardly any sound."""
    frames = (b"\xff\xfb\x90\x64" + bytes(413)) * 4
    id3_files = [_id3() + frames, _id3(4) + frames + _ape_tag(), _id3(2) + frames]
    return [
        *id3_files,
        frames + b"TAG" + b"One".ljust(125, b"\0"),
        *_ogg_files(),
        _mp4(),
        _asf(),
        *_chunked(),
        *_with_ape_tags(),
    ]


def _ogg_files() -> list[bytes]:
    flac = b"fLaC\0\0\0\x22" + bytes.fromhex("100010000000000000000ac440f000000000") + bytes(16)
    flac += b"\x84" + struct.pack(">I", len(_vorbis_comment()))[1:] + _vorbis_comment()
    vorbis = b"\x01vorbis" + struct.pack("<IBIIIIBB", 0, 2, 44100, 0, 128000, 0, 0xB8, 1)
    speex = b"Speex   1.2".ljust(36, b"\0") + struct.pack("<11I", 1, 80, 8000, 0, 4, 1, 0, 160, 0, 1, 0)
    return [
        flac,
        _ogg(vorbis, b"\x03vorbis" + _vorbis_comment() + b"\x01", b"\x05vorbis"),
        _ogg(b"OpusHead" + struct.pack("<BBHIHB", 1, 2, 0, 48000, 0, 0), b"OpusTags" + _vorbis_comment()),
        _ogg(speex, _vorbis_comment()),
        _ogg(b"\x7fFLAC\x01\0\0\x01" + flac[:42], b"\x84" + flac[43:]),
        _ogg(b"\x80theora\x03\x02\x01" + b"\1" * 40, b"\x81theora" + _vorbis_comment()),
    ]


def _chunked() -> list[bytes]:
    common = struct.pack(">HIH", 1, 40, 16) + bytes.fromhex("400BFA00000000000000")
    dsf = b"DSD " + struct.pack("<QQQ", 28, 120, 92)
    dsf += b"fmt " + struct.pack("<QIIIIIIQII", 52, 1, 0, 2, 2, 2822400, 1, 8, 4096, 0)
    return [
        _wav(),
        _chunks(b"FORM", b"AIFF", ">", (b"COMM", common), (b"ID3 ", _id3()), (b"SSND", bytes(8))),
        dsf + b"data" + struct.pack("<Q", 12) + _id3(),
        _chunks(b"FRM8", b"DSD ", ">", (b"FVER", bytes(4))),
        b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\x04\0\xff\x2f\0",
    ]


def _with_ape_tags() -> list[bytes]:
    """Return the heads of Monkey's Audio, WavPack, Musepack 8 and 7, True Audio, TAK, OptimFROG, AAC and AC-3."""
    heads = [
        b"MAC \x96\x0f\0\0" + struct.pack("<II", 52, 24) + bytes(60),
        b"wvpk" + struct.pack("<IHBBIII", 24, 0x407, 0, 0, 100, 0, 100) + bytes(8),
        b"MPCKSH\x0e" + bytes(11),
        b"MP+\x07" + bytes(60),
        b"TTA1" + bytes(30),
        b"tBaK" + bytes(60),
        b"OFR " + bytes(60),
        b"\xff\xf1\x50\x80\x02\x1f\xfc" * 9,
        b"ADIF" + bytes(40),
        b"\x0b\x77" + bytes(200),
    ]
    return [head + _ape_tag() for head in heads]


def _picture(number: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(number).integers(0, 255, (48, 64, 3), np.uint8)


@cache
def images() -> list[bytes]:
    """Return a small image of each format."""
    grey = _picture()[:, :, 0]
    return [cv2.imencode(suffix, grey)[1].tobytes() for suffix in (".png", ".jpg", ".bmp", ".webp", ".pgm")]


@cache
def clips() -> list[bytes]:
    """Return clips of a few frames in AVI, MP4 and Matroska."""
    contents = []
    for suffix, code in ((".avi", "MJPG"), (".mp4", "mp4v"), (".mkv", "mp4v")):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"clip{suffix}")
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), 10, (64, 48))
            for number in range(6):
                writer.write(_picture(number))
            writer.release()
            contents.append(path.read_bytes())
    return contents


@cache
def sidecars(path: Path) -> list[bytes]:
    """Return the sidecar at a path, and short ones of the same model: most of their bytes are values that count."""
    whole = path.read_bytes()
    values = {name: value for name, value in loads(whole).items() if name != "trained"}
    optional = "face_crop_scale", "room_temperature", "room_prior"
    plain = {name: value for name, value in values.items() if name not in optional}
    prior = dict.fromkeys(values["labels"], -10.0) | {values["labels"][0]: 10}
    extreme = plain | {"temperature": 0.05, "crop_scale": 4, "face_crop_scale": 0.25, "room_prior": prior}
    extreme |= {"room_temperature": 20}
    return [whole, *(dumps(short).encode() for short in (values, plain, extreme))]


@cache
def config() -> list[bytes]:
    """Return the documented configuration with all keys in force, and short ones."""
    whole = (Path(__file__).resolve().parent.parent / "config" / "musicon.yaml").read_text("utf-8")
    in_force = re.sub(r"(?m)^( *)#([a-z_]+:)", r"\1\2", whole)
    sections = re.split(r"(?m)^(?=[a-z])", re.sub(r"(?m)^ *# .*\n|^#.*\n", "", in_force))
    short = [
        b"music: {moods: {sad: {lists: [starter, 'spotify:liked'], policy: lift}}, quiet_hours: '22:00-7:00'}\n",
        b"mqtt: {host: broker.lan, port: 8883, tls: true, username: den, base_topic: musicond}\n",
        b"web: {listen: '0.0.0.0:8080', preview: false}\ncamera: {size: [640, 480], rate: 5}\n",
        b"music: {library: [5, '', {a: 1}]}\nweb: {embed: [homeassistant.local, null]}\n",
        b"mood: {enter: 0.5, leave: 0.6}\nfaces: &a {min_size: .1}\nx: *a\n",
    ]
    return [in_force.encode(), *short, *(section.encode() for section in sections if section.strip())]


def sign_ins() -> list[bytes]:
    """Return the files of the sign-ins at Spotify and Music Assistant, and a token of one line."""
    claims = base64.urlsafe_b64encode(b'{"exp": 1900000000}').decode().rstrip("=")
    spotify = {
        "refresh_token": "r" * 20,
        "authorized_at": "2026-05-01T12:00:00+02:00",
        "scope": "user-library-read",
        "client_id": "c" * 32,
        "user": "Ann",
    }
    server = {
        "token": f"a.{claims}.b",
        "url": "http://ma.lan:8095",
        "user": "anna",
        "created_at": "2026-05-01T12:00:00",
    }
    return [*(dumps(sign_in).encode() for sign_in in (spotify, server)), f"a.{claims}.b\n".encode()]
