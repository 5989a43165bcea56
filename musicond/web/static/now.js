// The view Now: the mood, the player, the recommendation, the scores, and the live picture.
import {
	$, EMOTIONS, all, announce, ask, command, complain, day, duration, element, lineItem, on, percent, redraw, refusal, said, set,
	show, signButton, t, tell, time, toast,
} from "./page.js";

let looking = false; // the live picture is wanted
let dragging = false; // a person moves the volume slider
let wished = null; // the latest volume that is not sent yet
let sending = false;
const rated = new Map(); // verdicts given on this page, by song
let current = null;

function sentence(text) {
	return text ? text[0].toUpperCase() + text.slice(1) : text;
}

function detailOf(state) {
	const { watching, mood, controls, health } = state;
	if (watching === "no_camera") return state.since ? sentence(health.trouble) || t("no_camera_detail") : state.notice;
	if (watching === "paused") {
		const until = controls.paused_until;
		return `${t("paused_detail")} ${until ? t("goes_on_at", { time: time(new Date(until)) }) : t("goes_on")}`;
	}
	if (watching !== "yes") return t(`${watching}_detail`);
	if (mood === "unsure" || mood === "nobody") return t(`${mood}_detail`);
	return state.confidence < 0.1 ? t("changing") : t("confident", { share: percent(state.confidence) });
}

function showHero(state) {
	const off = state.watching !== "yes";
	const kind = off ? state.watching : state.mood;
	const word = off ? t(`link_${kind}`) : t(kind);
	const detail = detailOf(state);
	const hero = $("hero");
	if (hero.dataset.kind !== kind) {
		hero.dataset.kind = kind;
		hero.dataset.mood = off ? "nobody" : state.mood;
		$("face").setAttribute("href", `#face-${kind}`);
		const face = $("face").parentNode;
		face.classList.remove("arrive");
		void face.getBoundingClientRect();
		face.classList.add("arrive");
		announce(off ? `${word}. ${detail}` : t("mood_is", { mood: word }));
	}
	set("word", word);
	set("detail", detail);
	const count = state.faces > 1 ? "n" : state.faces;
	set("faces", off ? "" : t(`faces_${count}`, { n: state.faces }));
}

export function tick(state) {
	if (!state.since || state.watching !== "yes") return set("since", "");
	const since = new Date(state.since);
	const age = Date.now() - since;
	return set("since", t("since", { time: age < 864e5 ? time(since) : day(since), age: duration(age / 1000) }));
}

function showBars({ scores }) {
	const values = scores || {};
	const top = EMOTIONS.reduce((best, one) => ((values[one] || 0) > (values[best] || 0) ? one : best));
	for (const emotion of EMOTIONS) {
		const row = $(`bar-${emotion}`);
		row.className = scores && emotion === top ? "top" : "";
		row.style.setProperty("--p", (values[emotion] || 0).toFixed(3));
		set(`value-${emotion}`, scores ? percent(values[emotion]) : "–");
	}
}

async function rate(verdict, track) {
	if (!(await command("rate", { verdict, id: track.id }))) return;
	rated.set(track.id, verdict);
	showRated();
	toast(t(`${verdict}d`, track));
}

function showRated() {
	for (const button of all("[data-verdict]")) {
		button.setAttribute("aria-pressed", rated.get(button.parentNode.dataset.id) === button.dataset.verdict);
	}
}

function trackItem(track, plays) {
	const item = lineItem(track, ...(plays ? [signButton("play", t("play_song", track), () => command("play", { id: track.id }))] : []));
	item.dataset.id = track.id;
	for (const verdict of ["like", "dislike"]) {
		const button = signButton(verdict, t(`${verdict}_song`, track), () => rate(verdict, track));
		button.dataset.verdict = verdict;
		item.append(button);
	}
	return item;
}

function reason({ mood, reason: text, tracks, why }) {
	if (!why) return text;
	const values = { ...why, mood: t(mood), n: tracks.length, known: t(`why_${why.known}`, why), other: why.other && t(why.other) };
	return [said(`why_${why.how}`, text, values), why.quiet && t("why_quiet")].filter(Boolean).join(" ");
}

function showTracks({ recommendation: found, playback }) {
	set("reason", found ? reason(found) : t("no_songs"));
	show("no-player", !playback);
	redraw($("tracks"), [found, Boolean(playback)], () => (found ? found.tracks.map((track) => trackItem(track, Boolean(playback))) : []));
	showRated();
}

function showPlayer({ playback, recommendation }) {
	show("player", Boolean(playback));
	show("player-title", Boolean(playback));
	if (!playback) return;
	const { track, device, held } = playback;
	const playing = playback.state === "playing";
	$("play-sign").setAttribute("href", playing ? "#sign-stop" : "#sign-play");
	$("play").setAttribute("aria-label", playing ? t("stop") : t("play"));
	$("play").dataset.does = playing ? "stop" : "play";
	const silent = recommendation ? t("ready_to_play") : t("no_songs");
	set("playing-title", track && playback.state !== "stopped" ? `${track.title} – ${track.artist}` : silent);
	const what = { playing: t("playing"), paused: t("was_paused") }[playback.state] || "";
	const where = device ? t("on_device", { device }) : "";
	const theirs = playing && !playback.ours ? ` · ${t("not_ours")}` : "";
	set("playing-where", sentence(`${what} ${where}`.trim()) + theirs);
	tell("player-trouble", playback.trouble);
	show("player-signin", playback.account && !(playback.account.days_left > 30));
	tell("player-holding", held && said(`hold_${held.why}`, sentence(playback.holding), held));
	$("autoplay").setAttribute("aria-checked", String(playback.autoplay));
	$("volume").max = playback.volume_max;
	if (!dragging && !sending && playback.volume !== null) showVolume(playback.volume);
}

function showVolume(value) {
	$("volume").value = value;
	set("volume-value", `${Math.round(value)} %`);
}

function showLive({ preview, watching }) {
	show("live", preview);
	const open = watching === "yes" || watching === "dark";
	show("live-closed", preview && looking && !open);
	const visible = preview && looking && open;
	$("live-show").setAttribute("aria-expanded", String(looking));
	set("live-show", looking ? t("live_hide") : t("live_show"));
	if (visible === !$("picture").hidden) return;
	show("picture", visible);
	if (visible) $("picture").src = `/api/v1/preview?${Date.now()}`;
	else $("picture").removeAttribute("src"); // ends the stream: without viewers nothing is drawn
}

export function showNow(state) {
	current = state;
	showHero(state);
	tick(state);
	showBars(state);
	showPlayer(state);
	showTracks(state);
	showLive(state);
	tell("notice", state.since && state.notice);
}

export function leaveNow() {
	show("picture", false);
	$("picture").removeAttribute("src");
}

for (const emotion of EMOTIONS) {
	const row = element("li");
	row.id = `bar-${emotion}`;
	row.dataset.mood = emotion;
	const bar = element("div", undefined, "bar");
	bar.append(element("span"));
	const value = element("span", "–", "value");
	value.id = `value-${emotion}`;
	row.append(element("span", t(emotion)), bar, value);
	$("bars").append(row);
}
const answers = [["", t("wrong_right")], ["?", t("wrong_wrong")], ...EMOTIONS.map((one) => [one, t("wrong_is", { mood: t(one) })])];
for (const [value, text] of answers) {
	const option = element("option", text);
	option.value = value;
	$("wrong").append(option);
}
on("wrong", "change", async () => {
	const right = $("wrong").value;
	$("wrong").value = "";
	if (right && (await command("wrong_mood", right === "?" ? {} : { right }))) toast(t("thanks"));
});
on("play", "click", () => command($("play").dataset.does, {}));
on("next", "click", () => command("next", {}));
on("others", "click", () => command("other_songs", {}));
on("autoplay", "click", () => command("autoplay", { on: !current.playback.autoplay }));
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
on("live-show", "click", () => {
	looking = !looking;
	showLive(current);
});
on("picture", "error", async () => {
	if (!$("picture").hasAttribute("src")) return;
	leaveNow(); // the next state requests it again, unless it is refused
	const why = await refusal("preview");
	if (!why) return;
	looking = false;
	complain(t("failed", { why }));
	showLive(current);
});
