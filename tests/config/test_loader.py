"""Reading musicon.yaml: the search, the origins, and every problem with its mark."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from musicond.commands.bundle import bundle_text
from musicond.config.camera_url import is_url, shown_source
from musicond.config.loader import iter_keys, load, schema
from musicond.config.schema import Config
from musicond.errors import ConfigError
from tools.make_schema import TARGET, text

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "config/musicon.yaml"
KEY = re.compile(r"^( *)#([a-z_]+: .*)$", re.MULTILINE)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STATE_DIRECTORY", "MUSICOND_MODELS", "MUSICOND_MQTT_PASSWORD", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


def problems(tmp_path: Path, content: str | bytes) -> list[str]:
    """Return the problems of a file, without its name."""
    file = tmp_path / "musicon.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as error:
        load(file)
    assert all(problem.startswith(f"{file}:") for problem in error.value.problems)
    return [problem.removeprefix(f"{file}:") for problem in error.value.problems]


def good(tmp_path: Path, content: str) -> Config:
    file = tmp_path / "musicon.yaml"
    file.write_text(content, "utf-8")
    return load(file).config


@pytest.mark.parametrize(
    "source",
    [
        "rtps://bob:hunter2@10.0.0.1/x",
        "RTSP://bob:hunter2@10.0.0.1/x",
        "rtsp:/bob:hunter2@10.0.0.1/x",
        "bob:hunter2@10.0.0.1",
        "htp://10.0.0.1/x?password=hunter2",
        '"rtsp://bob:hunter2@10.0.0.1/\\t"',
    ],
)
def test_no_message_repeats_the_password_of_a_camera(tmp_path: Path, source: str) -> None:
    for content in (f"camera: {{source: {source}}}\n", f"camera:\n  source:{source}\n"):
        assert "hunter2" not in "\n".join(problems(tmp_path, content))
        assert "hunter2" not in bundle_text(tmp_path / "musicon.yaml", ())


def test_the_scheme_of_a_camera_has_any_case(tmp_path: Path) -> None:
    source = good(tmp_path, "camera: {source: 'RTSP://10.0.0.1/x'}\n").camera.source
    assert is_url(source)
    assert shown_source(source) == "rtsp://10.0.0.1/x"


def test_without_any_file_the_defaults_hold(tmp_path: Path) -> None:
    loaded = load(None, search=(tmp_path / "none.yaml",))
    assert loaded.config == Config()
    assert loaded.path is None
    assert set(loaded.origin.values()) == {"default"}


def test_the_first_file_of_the_search_is_read_and_a_given_one_wins(tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.yaml" for name in ("none", "first", "second", "given")]
    for number, file in enumerate(files[1:], start=1):
        file.write_text(f"mqtt: {{port: {number}}}\n", "utf-8")
    assert load(None, search=files).config.mqtt.port == 1
    assert load(files[3], search=files).config.mqtt.port == 3


def test_a_given_file_that_is_missing_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: No such file"):
        load(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="Is a directory"):
        load(tmp_path)


def test_a_dangling_link_in_the_search_is_a_fault(tmp_path: Path) -> None:
    link = tmp_path / "musicon.yaml"
    link.symlink_to(tmp_path / "gone")
    with pytest.raises(ConfigError, match="No such file"):
        load(None, search=(link,))


@pytest.mark.parametrize("content", ["", "# only a comment\n", "---\n", "null\n", "mqtt:\ncamera:\n", "\ufeffmqtt:\n"])
def test_an_empty_file_or_section_is_the_defaults(tmp_path: Path, content: str) -> None:
    assert good(tmp_path, content) == Config()


def test_the_origin_of_each_value_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "musicon.yaml"
    file.write_text("camera:\n  source: demo\nmqtt: {host: broker}\n", "utf-8")
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/musicond")
    monkeypatch.setenv("MUSICOND_MODELS", "/opt/models")
    monkeypatch.setenv("MUSICOND_MQTT_PASSWORD", "secret")
    origin = load(file).origin
    assert origin["camera.source"] == f"{file}:2"
    assert origin["mqtt.host"] == f"{file}:3"
    assert origin["mqtt.port"] == "default"
    assert origin["state_dir"] == "environment STATE_DIRECTORY"
    assert origin["model.path"] == "environment MUSICOND_MODELS"
    assert origin["mqtt.password_file"] == "environment MUSICOND_MQTT_PASSWORD"
    assert set(origin) == {".".join(leaf) for leaf in iter_keys()}


def test_relative_paths_start_from_the_files_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    config = good(
        tmp_path,
        "state_dir: ~/state\nmodel: {path: m.tflite}\nmqtt: {password_file: /etc/p}\ncamera: {source: 'file:clips/a'}\n",
    )
    assert config.state_dir == Path("/home/someone/state")
    assert config.model.path == tmp_path / "m.tflite"
    assert config.mqtt.password_file == Path("/etc/p")
    assert config.camera.source == f"file:{tmp_path}/clips/a"


PROBLEMS = {
    "camera:\n  sorce: demo\n": "2:3: camera.sorce: unknown key; did you mean camera.source?",
    "camra: {}\n": "1:1: camra: unknown key; did you mean camera?",
    "port: 3\n": "1:1: port: unknown key here; did you mean mpd.port or mqtt.port?",
    "web: {zzz: 1}\n": "1:7: web.zzz: unknown key; known here: listen, token_file",
    "off: 1\n": "1:1: off: unknown key; known here:",
    "mqtt:\n  port: 99999\n": "2:9: mqtt.port: 99999 is too large; give a whole number, 1 to 65535",
    "mqtt: {port: 0}\n": "1:14: mqtt.port: 0 is too small; give a whole number, 1 to 65535",
    "mqtt: {port: '1883'}\n": "1:14: mqtt.port: '1883' is not a whole number; give a whole number, 1 to 65535",
    "mqtt: {port: 1.5}\n": "1:14: mqtt.port: 1.5 is not a whole number",
    "mqtt: {port: 999999999999999999999999}\n": "1:14: mqtt.port: 999999999999999999999999 is too large",
    "mqtt: {port: [1]}\n": "1:14: mqtt.port: this is not a whole number",
    "mqtt: {port: on}\n": "1:14: mqtt.port: on means true in YAML; give a whole number, 1 to 65535",
    "mqtt: {host: off}\n": "1:14: mqtt.host: off means false in YAML; give text (Host name or address of the broker), "
    'or "off" in quotes',
    "mqtt: {protocol: 4}\n": "1:18: mqtt.protocol: 4 does not fit; give 5 or 3.1.1",
    "device: {name: den}\nplayback:\n  backend: spotify\n": "3:12: playback.backend: spotify needs spotify.client_id",
    "music:\n  moods:\n    sad:\n      lists: [starter, 'spotify:liked']\n": "4:24: music.moods.sad.lists: "
    "the list spotify:liked needs spotify.client_id, the client id of your app at Spotify: see docs/spotify.md",
    "mqtt: {ca: a.pem}\n": "1:1: mqtt: ca needs tls: true",
    "mqtt:\n  tls: true\n  key: a.pem\n": "1:1: mqtt: key needs cert",
    "mqtt: {status_topic: '#'}\n": "1:22: mqtt.status_topic: '#' does not fit; give text",
    "mqtt: {discovery: 1}\n": "1:19: mqtt.discovery: 1 is neither true nor false",
    "mqtt: {host: 3}\n": "1:14: mqtt.host: 3 is not text; put it in quotes",
    "mqtt: {host: 12:30}\n": "1:14: mqtt.host: 12:30 means 750 in YAML (minutes and seconds, base sixty)",
    "mqtt: {port: 0123}\n": "1:14: mqtt.port: 0123 means 83 in YAML (octal, for its leading 0)",
    "mood: {dwell_s: 1:30.5}\n": "1:17: mood.dwell_s: 1:30.5 means 90.5 in YAML",
    "mood: {dwell_s: .nan}\n": "1:17: mood.dwell_s: .nan is not a finite number; give 0 to 60",
    "mood:\n  enter:\n": "2:9: mood.enter: has no value; give 0.15 to 0.95, or remove the line",
    "camera: {mirror: 1}\n": "1:18: camera.mirror: 1 is neither true nor false; give true or false",
    "camera: {rotation: 45}\n": "1:20: camera.rotation: 45 does not fit; give 0, 90, 180 or 270",
    "camera: {source: ''}\n": "1:18: camera.source: this does not fit; give text (auto, pi, v4l2",
    "camera: {size: [640]}\n": "1:16: camera.size: too few values; give [a whole number, 160 to 1920,",
    "camera: {size: [640, 480, 3]}\n": "1:16: camera.size: too many values",
    "camera: {size: [640, 2]}\n": "1:22: camera.size: 2 is too small; give a whole number, 120 to 1080",
    "camera: {size: [640, 12:30]}\n": "1:22: camera.size: 12:30 means 750",
    "camera: {size: 640x480}\n": "1:16: camera.size: '640x480' does not fit",
    "camera:\n  rate: 2\n  idle_rate: 3\n": "1:1: camera: idle_rate (3) must not exceed rate (2)",
    "faces:\n  policy: on\n": "2:11: faces.policy: on means true in YAML; give largest or all",
    "web: {listen: '0.0.0.0:80'}\n": "1:1: web: listen (0.0.0.0:80) is open to the network, and there is no token_file",
    "model: hello\n": "1:8: model: 'hello' is not a section; give its keys on lines of their own, indented: path, threads",
    "device: {name: ''}\n": "1:16: device.name: is empty; give text (Name shown to people",
    "device: {name: '  '}\n": "1:16: device.name: '  ' does not fit; give text (Name shown to people",
    'device: {name: "a\\0b"}\n': "1:16: device.name: 'a\\x00b' holds a control character; remove it",
    'device: {name: "\\ud800"}\n': "1:16: device.name: '\\ud800' holds a control character",
    'device: {name: "\\Uffffffff"}\n': "1:",
    "mqtt:\n  port: 1\n  port: 2\n": "3:3: mqtt.port: given twice, in line 2, column 3 and here; remove one",
    "mqtt:\n\tport: 1\n": "2:1: a tab; YAML is indented with spaces",
    "mqtt:\n  port: 1\n host: a\n": "3:2: the indentation does not match",
    "mqtt: port: 1\n": "1:11: a ':' where none belongs",
    "mqtt: {port: 1\n": "2:1: not valid YAML",
    "mqtt: &a {port: 1}\nweb: *a\n": "2:6: not valid YAML: an alias",
    "mqtt: !!python/object:os.system {}\n": "1:7: mqtt: the tag '!!python/object:os.system' means nothing here",
    "mqtt: {port: !!binary aa}\n": "1:14: mqtt.port: the tag '!!binary' means nothing here",
    "? [a]\n: 1\n": "1:3: a key must be a plain word",
    "- a\n": "1:1: not a set of sections",
    "hello\n": "1:1: not a set of sections",
    "a: 1\n---\nb: 1\n": "2:1: a second document",
    "a: \x07\n": "1:4: a control character; remove it",
    "a: " + "[" * 100: "1:",
    "a: b\n" * 300000: "1:1: larger than 64 KiB",
}


@pytest.mark.parametrize(("content", "says"), PROBLEMS.items(), ids=[says[:40] for says in PROBLEMS.values()])
def test_a_fault_is_named_with_its_place_and_what_would_be_right(tmp_path: Path, content: str, says: str) -> None:
    lines = problems(tmp_path, content)
    assert len(lines) == 1
    assert lines[0].startswith(says)
    assert "\n" not in lines[0]


@pytest.mark.parametrize(("value", "five"), [("5", True), ("'5'", True), ("3.1.1", False), ("'3.1.1'", False)])
def test_the_protocol_is_a_number_or_a_word(tmp_path: Path, value: str, five: bool) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(f"mqtt: {{protocol: {value}, tls: true, ca: a.pem, cert: ~/b.pem, key: /c.pem}}\n", "utf-8")
    mqtt = load(file).config.mqtt
    assert mqtt.five is five
    assert (mqtt.ca, mqtt.cert, mqtt.key) == (tmp_path / "a.pem", Path.home() / "b.pem", Path("/c.pem"))


def test_what_is_not_utf8_is_a_fault(tmp_path: Path) -> None:
    assert problems(tmp_path, b"mqtt:\n  host: k\xe4se\n") == ["2:10: not UTF-8 text; save the file as UTF-8"]
    assert problems(tmp_path, "mqtt:\n".encode("utf-16"))[0].startswith("1:1: not UTF-8")


def test_all_faults_come_at_once_in_the_files_order(tmp_path: Path) -> None:
    lines = problems(
        tmp_path, "mqtt:\n  port: 0\n  port: 1\n  hots: a\ncamera: {rate: 99, mirror: maybe}\nmood: {enter: 1:30}\n"
    )
    places = [line.split(": ")[0] for line in lines]
    assert places == ["2:9", "3:3", "4:3", "5:16", "5:28", "6:15"]


def test_what_needs_another_section_is_told_once_for_each_key(tmp_path: Path) -> None:
    file = tmp_path / "musicon.yaml"
    file.write_text(
        "music: {moods: {happy: {lists: ['spotify:liked', starter]}}}\nplayback: {backend: spotify}\n"
        "spotify: {client_id: null}\n",
        "utf-8",
    )
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert [line.removeprefix(f"{file}:").split(" ")[0] for line in caught.value.problems] == [
        "1:33:",
        "2:21:",
    ]


def test_the_schema_is_generated_and_valid() -> None:
    assert TARGET.read_text("utf-8") == text(), "run: python tools/make_schema.py"
    Draft202012Validator.check_schema(schema())


def test_every_key_has_a_description_and_a_default_in_the_schema() -> None:
    sections = [schema(), *schema()["$defs"].values()]
    for section in sections:
        for name, info in section["properties"].items():
            assert "default" in info, name
            assert "$ref" in str(info) or "description" in info, name


def test_the_file_that_comes_along_gives_the_defaults() -> None:
    assert EXAMPLE.read_text("utf-8").startswith("# yaml-language-server: $schema=musicon.schema.json\n")
    assert load(EXAMPLE).config == Config()


def test_it_names_every_key_and_every_default_that_it_tells_is_true(tmp_path: Path) -> None:
    file = tmp_path / "musicon.yaml"
    file.write_text(KEY.sub(r"\1\2", EXAMPLE.read_text("utf-8")), "utf-8")
    loaded = load(file)
    assert loaded.config == Config()
    assert "default" not in loaded.origin.values()


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["demo", "largest", "auto"]),
)
NAMES = st.sampled_from(sorted({part for leaf in iter_keys() for part in leaf} | {"x", "playback"}))
TREES = st.dictionaries(
    NAMES,
    st.one_of(SCALARS, st.dictionaries(NAMES, st.one_of(SCALARS, st.lists(SCALARS, max_size=3)), max_size=4)),
    max_size=5,
)


@given(TREES)
def test_file_and_schema_agree_on_what_is_right(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, object]
) -> None:
    """An editor that uses the schema accepts everything that musicond accepts (it does not check rules between keys)."""
    file = tmp_path_factory.getbasetemp() / "tree.yaml"
    file.write_text(json.dumps(tree), "utf-8")
    try:
        load(file)
    except ConfigError:
        return
    assert Draft202012Validator(schema()).is_valid(tree)


ODD_VALUES = (
    *("5", "-1", "1e400", ".nan", "null", "true", '""', "x", '"\\0"', "2020-01-01", '"a\\nb"', "~/x"),
    *(
        "[]",
        "[5]",
        "[[1]]",
        "[null]",
        '[""]',
        "[{}]",
        "[a, a]",
        '["\\u202e"]',
        "[1, 2, 3, 4]",
        "{}",
        "{a: 1}",
        "{1: 2}",
    ),
)


@pytest.mark.parametrize("key", list(iter_keys()), ids=".".join)
def test_each_key_with_an_odd_value_is_taken_or_named(tmp_path: Path, key: tuple[str, ...]) -> None:
    file = tmp_path / "odd.yaml"
    opening = "".join(f"{part}: {{" for part in key[:-1])
    for value in ODD_VALUES:
        file.write_text(f"{opening}{key[-1]}: {value}{'}' * (len(key) - 1)}\n", "utf-8")
        try:
            load(file)
        except ConfigError as error:
            assert all(re.match(rf"{re.escape(str(file))}:\d+:\d+: ", line) for line in error.problems)


@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(alphabet="mqt:porhs \n\t-[]{}&*!#|>'\"%@`?,.0123x\\U\x85", max_size=60).map(str.encode),
    )
)
def test_whatever_the_file_holds_there_is_a_config_or_faults(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    file.write_bytes(raw)
    try:
        assert isinstance(load(file).config, Config)
    except ConfigError as error:
        assert error.problems
        assert all(re.match(rf"{re.escape(str(file))}:\d+:\d+: ", line) for line in error.problems)


@given(st.dictionaries(NAMES, st.one_of(SCALARS, TREES), max_size=4))
def test_whatever_the_values_are_there_is_a_config_or_faults(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, object]
) -> None:
    file = tmp_path_factory.getbasetemp() / "values.yaml"
    file.write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in tree.items()), "utf-8")
    try:
        load(file)
    except ConfigError as error:
        assert all("\n" not in line for line in error.problems)
