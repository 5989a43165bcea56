// The lock screen of a phone, and media keys, where a person has switched them on. Browsers offer both only to a page that
// plays sound itself, so this one repeats a sound that is too quiet to be heard.
import { $, command, keep, loaded, on, remembered } from "./page.js";
import { current, follow } from "./store.js";

const RATE = 8000; // samples a second
const SECONDS = 6; // Chromium shows nothing for a sound of 5 seconds or less
const LEVEL = 6; // of 32,767: Firefox ignores a sound of zeros only
const HERTZ = 40;
const ACTIONS = { play: "play", pause: "stop", nexttrack: "next", previoustrack: "previous" };

let audio = null;

// Returns the sound as a WAV file: PCM, one channel, 16 bits.
function quietSound() {
	const samples = RATE * SECONDS;
	const view = new DataView(new ArrayBuffer(44 + 2 * samples));
	const write = (at, text) => [...text].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
	write(0, "RIFF");
	view.setUint32(4, 36 + 2 * samples, true);
	write(8, "WAVEfmt ");
	[[16, 16, 32], [20, 1, 16], [22, 1, 16], [24, RATE, 32], [28, 2 * RATE, 32], [32, 2, 16], [34, 16, 16]]
		.forEach(([at, value, bits]) => view[`setUint${bits}`](at, value, true));
	write(36, "data");
	view.setUint32(40, 2 * samples, true);
	for (let i = 0; i < samples; i += 1) view.setInt16(44 + 2 * i, LEVEL * Math.sin((2 * Math.PI * HERTZ * i) / RATE), true);
	return new Blob([view], { type: "audio/wav" });
}

const wanted = () => $("media").getAttribute("aria-checked") === "true";

// Whether the controls outside the page need its connection.
export const controlledFromOutside = () => Boolean(audio) && wanted();

// The sound follows changes of the playback, and a touch: a call may have interrupted it, which is not to be disturbed.
function showMedia({ playback }, touched = false) {
	const session = navigator.mediaSession;
	const here = playback && loaded(playback);
	if (!audio || !session) return;
	const state = here ? playback.state : "none";
	if (state !== session.playbackState || touched) {
		session.playbackState = state;
		if (state === "playing") audio.play().catch(() => {}); // refused until the page is touched
		else audio.pause();
	}
	const key = here ? JSON.stringify(playback.track) : "";
	if (key === audio.dataset.track) return;
	audio.dataset.track = key;
	const { title, artist, album, id } = playback?.track || {};
	const artwork = [{ src: new URL(`api/v1/cover?track=${encodeURIComponent(id)}`, document.baseURI).href }];
	session.metadata = here ? new MediaMetadata({ title, artist, album: album || "", artwork }) : null;
}

function start() {
	if (!wanted() || !navigator.mediaSession) return;
	if (!audio) {
		audio = new Audio(URL.createObjectURL(quietSound()));
		audio.loop = true;
		for (const [action, what] of Object.entries(ACTIONS)) navigator.mediaSession.setActionHandler(action, () => command(what, {}));
	}
	if (current()) showMedia(current(), true);
}

function stop() {
	if (!audio) return;
	audio.pause();
	URL.revokeObjectURL(audio.src);
	audio = null;
	for (const action of Object.keys(ACTIONS)) navigator.mediaSession.setActionHandler(action, null);
	navigator.mediaSession.metadata = null;
	navigator.mediaSession.playbackState = "none";
}

$("media").setAttribute("aria-checked", String(remembered("media") === "on"));
on("media", "click", () => {
	keep("media", wanted() ? "off" : "on");
	$("media").setAttribute("aria-checked", String(!wanted()));
	if (wanted()) start();
	else stop();
});
// Browsers allow sound only after the page was touched.
for (const touch of ["pointerup", "keydown"]) addEventListener(touch, start);
follow((state) => showMedia(state));
