// The bar on every view: what plays, its position, and the controls of the player.
import { $, ask, command, element, loaded, permit, redraw, said, sentence, set, show, showTrouble, on, t, tell } from "./page.js";
import { current, follow } from "./store.js";

const MOST_AHEAD_MS = 15000; // the position is polled more often than that; a larger difference is a wrong clock

const SPEAKERS = ["speaker", "set-speaker"]; // in the bar, and in the set-up

let dragging = false; // a person moves the volume slider
let wished = null; // the latest volume that is not sent yet
let sending = false;
let speakers = []; // those that can be chosen, once they are loaded
let position = { key: "", from: 0 }; // of the track: the poll it comes from, and the time (performance.now) at which it began

function showTrack(playback, recommendation) {
	const { track, state, device, ours } = playback;
	const playing = state === "playing";
	const here = loaded(playback);
	set("playing-title", here ? track.title : recommendation ? t("ready_to_play") : t("no_songs"));
	set("playing-artist", here ? track.artist : "");
	const what = { playing: ours ? "" : t("not_ours"), paused: t("was_paused") }[state];
	set("playing-where", [what, device && t("on_device", { device })].filter(Boolean).map(sentence).join(" · "));
	$("play-sign").setAttribute("href", playing ? "#sign-pause" : "#sign-play");
	$("play").setAttribute("aria-label", playing ? t("pause_music") : t("play"));
	$("play").dataset.does = playing ? "stop" : "play";
}

function showCover({ recommendation, playback }) {
	const id = loaded(playback) ? playback.track.id : "";
	$("cover-frame").dataset.mood = recommendation?.mood || "nobody";
	if ($("cover").dataset.id === id) return;
	$("cover").dataset.id = id;
	show("cover", false);
	if (id) $("cover").src = `api/v1/cover?track=${encodeURIComponent(id)}`;
	else $("cover").removeAttribute("src");
}

function clock(seconds) {
	const whole = Math.max(0, Math.floor(seconds));
	return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function followPosition(playback) {
	const key = `${playback.track?.id} ${playback.elapsed_at} ${playback.elapsed_s} ${playback.state}`;
	if (key === position.key) return;
	const ahead = Date.now() - Date.parse(playback.elapsed_at);
	const passed = playback.state === "playing" && ahead > 0 && ahead < MOST_AHEAD_MS ? ahead : 0;
	position = { key, from: performance.now() - passed - 1000 * (playback.elapsed_s || 0) };
}

export function tickPlayer() {
	const playback = current()?.playback;
	if (!playback) return;
	const known = loaded(playback) && playback.duration_s > 0;
	$("bar").classList.toggle("timed", Boolean(known));
	if (!known) {
		$("elapsed").value = 0;
		return set("times", "");
	}
	const now = playback.state === "playing" ? (performance.now() - position.from) / 1000 : playback.elapsed_s;
	const elapsed = Math.min(now, playback.duration_s);
	$("elapsed").max = playback.duration_s;
	$("elapsed").value = elapsed;
	$("elapsed").setAttribute("aria-valuetext", t("position_of", { now: clock(elapsed), all: clock(playback.duration_s) }));
	return set("times", `${clock(elapsed)} / ${clock(playback.duration_s)}`);
}

function showVolume(playback) {
	const { volume, volume_max: most } = playback;
	$("volume").max = most;
	set("volume-ceiling", most < 100 ? t("volume_ceiling", { n: most }) : "");
	permit($("volume"), whyUnusable(playback) || (volume === null && t("volume_unknown")));
	if (dragging || sending || volume === null) return;
	$("volume").value = volume;
	set("volume-value", `${Math.round(volume)} %`);
}

// Shows the speakers; the value of the first choice, "", stands for the configured one.
function showSpeakers({ controls: { speaker }, playback }) {
	const inUse = speakers.filter(({ selected }) => selected);
	const now = speaker || (inUse.length === 1 ? inUse[0].name : "");
	const names = [...new Set(["", ...speakers.map(({ name }) => name), now])];
	for (const id of SPEAKERS) {
		redraw($(id), names, () => names.map((name) => {
			const option = element("option", name || t("speaker_default"));
			option.value = name;
			return option;
		}));
		if (document.activeElement !== $(id)) $(id).value = now;
		permit($(id), speakers.length ? "" : whyUnusable(playback)); // another one may be reached
	}
}

export async function loadSpeakers() {
	if (!current()?.playback) return;
	const found = await ask("playback/speakers", {}, { quietly: true });
	if (!current()?.playback) return;
	speakers = found ? found.speakers : [];
	showSpeakers(current());
}

// Returns the title of what plays, for the title of the page; "" while nothing does.
export function playingTitle(state) {
	const playback = state?.playback;
	return playback?.state === "playing" && playback.track ? `▶ ${playback.track.title} – ${playback.track.artist}` : "";
}

// Returns the end of the keys of texts about the account.
const service = ({ backend }) => (backend === "music-assistant" ? "_ma" : "");

// Returns why nobody can play a song or set the volume; "" where the player and its speaker are there.
export function whyUnusable(playback) {
	if (playback.account && !playback.account.signed_in) return t(`why_not_signed_in${service(playback)}`);
	return playback.reachable ? "" : t("why_not_reachable");
}

function whyNot({ playback, recommendation }) {
	return whyUnusable(playback) || (loaded(playback) || recommendation ? "" : t("no_songs"));
}

function showPlayer(state) {
	const { playback, recommendation } = state;
	for (const id of ["bar", "speaker-setup"]) show(id, Boolean(playback));
	document.body.classList.toggle("with-player", Boolean(playback));
	if (!playback) return;
	showTrack(playback, recommendation);
	showCover(state);
	followPosition(playback);
	tickPlayer();
	showVolume(playback);
	showSpeakers(state);
	permit($("play"), whyNot(state));
	for (const id of ["previous", "next"]) permit($(id), whyUnusable(playback) || (loaded(playback) ? "" : t("why_not_loaded")));
	const broken = playback.backend === "mpd" ? "player_trouble_mpd" : `player_trouble${service(playback)}`;
	const missing = playback.songs_missing ? "plain_songs_missing" : `plain_expiry${service(playback)}`;
	showTrouble("player-trouble", playback.state === "unavailable" ? broken : missing, playback.trouble);
	show("player-signin", playback.account && !(playback.account.days_left > 30));
	set("player-signin", t(`signin${service(playback)}`));
	tell("player-holding", playback.held && said(`hold_${playback.held.why}`, sentence(playback.holding), playback.held));
	$("bar").classList.toggle("troubled", Boolean(playback.trouble));
	$("autoplay").setAttribute("aria-checked", String(playback.autoplay));
}

on("play", "click", () => command($("play").dataset.does, {}));
on("next", "click", () => command("next", {}));
on("previous", "click", () => command("previous", {}));
on("autoplay", "click", () => command("autoplay", { on: !current().playback.autoplay }));
on("bar-more", "click", () => {
	const open = $("bar").classList.toggle("open");
	$("bar-more").setAttribute("aria-expanded", String(open));
	if (open) loadSpeakers();
});
for (const id of SPEAKERS) {
	on(id, "focus", loadSpeakers);
	on(id, "change", async () => {
		await command("speaker", { name: $(id).value || null });
		await loadSpeakers();
	});
}
on("volume", "input", () => {
	dragging = true;
	set("volume-value", `${$("volume").value} %`);
});
on("volume", "change", async () => {
	dragging = false;
	wished = Number($("volume").value);
	if (sending) return;
	sending = true;
	while (wished !== null) {
		const percent = wished;
		wished = null;
		await ask("volume", { percent });
	}
	sending = false;
});
on("cover", "load", () => show("cover", true));
on("cover", "error", () => show("cover", false));
// The page ends above the bar, however tall that is.
new ResizeObserver(() => document.documentElement.style.setProperty("--bar-height", `${$("bar").offsetHeight}px`)).observe($("bar"));
setInterval(tickPlayer, 1000);
follow(showPlayer);
