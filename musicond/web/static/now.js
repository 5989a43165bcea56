// The view Now: the mood, the recommendation, the scores, and the live picture.
import {
	$, EMOTIONS, all, announce, cameraExplained, command, complain, day, duration, element, explained, lineItem, linkText, loaded, machineNotice, on, percent, permit, redraw, refusal, said, sentence,
	set, show, showDetails, sign, signButton, t, tell, time, toast,
} from "./page.js";
import { whyUnusable } from "./player.js";
import { current } from "./store.js";

let looking = false; // the live picture is wanted

function detailOf(state) {
	const { watching, mood, controls, health } = state;
	if (!state.since) return "";
	if (watching === "no_camera") return cameraExplained(health)[0] || t("no_camera_detail");
	if (watching === "paused") {
		const until = controls.paused_until;
		return `${t("paused_detail")} ${until ? t("goes_on_at", { time: time(new Date(until)) }) : t("goes_on")}`;
	}
	if (watching !== "yes") return t(`${watching}_detail`);
	if (controls.mood) return t("mood_by_you");
	if (mood === "nobody") return t("faces_0");
	if (mood === "unsure") return t("unsure_detail");
	return state.confidence < 0.1 ? t("changing") : t("confident", { share: percent(state.confidence) });
}

function showHero(state) {
	const off = state.watching !== "yes";
	const kind = !state.since ? "starting" : off ? state.watching : state.mood;
	const word = off ? linkText(state) : t(kind);
	const detail = detailOf(state);
	const hero = $("hero");
	if (hero.dataset.kind !== kind) {
		hero.dataset.kind = kind;
		hero.dataset.mood = off ? "nobody" : state.mood;
		$("face").setAttribute("href", `#face-${state.since ? kind : "nobody"}`);
		const face = $("face").parentNode;
		face.classList.remove("arrive");
		void face.getBoundingClientRect();
		face.classList.add("arrive");
		announce(off ? `${word}. ${detail}` : t("mood_is", { mood: word }));
	}
	set("word", word);
	set("detail", detail);
	showDetails("detail", state.watching === "no_camera" && state.since ? cameraExplained(state.health)[1] : "");
	const chosen = !off && Boolean(state.controls.mood);
	const count = state.faces > 1 ? "n" : state.faces;
	set("faces", off || chosen || kind === "nobody" ? "" : t(`faces_${count}`, { n: state.faces }));
	show("mood-back", chosen);
	hero.classList.toggle("chosen", chosen);
	set("reading", chosen ? t("reading_meanwhile") : t("reading"));
}

export function tick(state) {
	if (!state.since || state.watching !== "yes") return set("since", "");
	if (state.controls.mood) {
		const end = new Date(state.controls.mood_until);
		return set("since", t("mood_until", { time: time(end), left: duration(Math.max(0, end - Date.now() + 59000) / 1000) }));
	}
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

// Likes or dislikes a song; what was said already is withdrawn.
async function rate(verdict, track) {
	const { liked, disliked } = current().recommendation || { liked: [], disliked: [] };
	const said = { like: liked, dislike: disliked };
	if (said[verdict].includes(track.id)) return withdraw(track);
	if (!(await command("rate", { verdict, id: track.id }))) return null;
	return toast(t(`${verdict}d`, track), () => withdraw(track));
}

async function withdraw(track) {
	if (await command("withdraw", { id: track.id })) toast(t("withdrawn", track));
}

function showRated({ recommendation: found }) {
	const said = { like: found?.liked || [], dislike: found?.disliked || [] };
	for (const button of all("[data-verdict]")) {
		button.setAttribute("aria-pressed", String(said[button.dataset.verdict].includes(button.parentNode.dataset.id)));
	}
}

// Marks the song that plays or is paused.
function showPlaying({ playback }) {
	for (const button of all("[data-plays]")) permit(button, whyUnusable(playback));
	const id = loaded(playback) ? playback.track.id : null;
	for (const item of $("tracks").children) {
		const now = item.dataset.id === id;
		item.classList.toggle("now", now);
		if (now) item.setAttribute("aria-current", "true");
		else item.removeAttribute("aria-current");
	}
}

function playButton(track) {
	const button = signButton("play", t("play_song", track), () => command("play", { id: track.id }));
	button.dataset.plays = "";
	return button;
}

function trackItem(track, plays) {
	const item = lineItem(track, ...(plays ? [playButton(track)] : []));
	item.dataset.id = track.id;
	const mark = element("span", undefined, "playing-mark");
	mark.append(sign("playing"), element("span", t("playing"), "unseen"));
	item.prepend(mark);
	for (const verdict of ["like", "dislike"]) {
		const button = signButton(verdict, t(`${verdict}_song`, track), () => rate(verdict, track));
		button.dataset.verdict = verdict;
		item.append(button);
	}
	return item;
}

function reason({ mood, reason: text, tracks, why }) {
	if (!why) return text;
	const range = why.first === why.last ? why.first : `${why.first}-${why.last}`;
	const values = { ...why, range, mood: t(mood), n: tracks.length, known: t(`why_${why.known}`, why), other: why.other && t(why.other) };
	const by = why.placed.map((source) => t(`why_${source}`)).join(", ");
	return [said(`why_${why.how}`, text, values), why.quiet && t("why_quiet"), by && t("why_placed", { by })].filter(Boolean).join(" ");
}

function showTracks(state) {
	const { recommendation: found, playback, watching } = state;
	const old = Boolean(found) && watching !== "yes";
	set("recommended", old ? t("recommended_last") : t("recommended"));
	show("stale-songs", old);
	$("songs-card").classList.toggle("old", old);
	tell("reason", old ? "" : found ? reason(found) : t("no_songs"));
	show("no-player", !playback);
	const tracks = found ? found.tracks : [];
	redraw($("tracks"), [tracks, Boolean(playback)], () => tracks.map((track) => trackItem(track, Boolean(playback))));
	showRated(state);
	showPlaying(state);
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
	if (visible) $("picture").src = `api/v1/preview?${Date.now()}`;
	else $("picture").removeAttribute("src"); // ends the stream: without viewers nothing is drawn
}

export function showNow(state) {
	showHero(state);
	tick(state);
	showBars(state);
	showTracks(state);
	showLive(state);
	tell("notice", state.since && [explained("plain_notice", state.notice)[0], machineNotice(state.health)].filter(Boolean).join(" "));
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
on("others", "click", () => command("other_songs", {}));
on("live-show", "click", () => {
	looking = !looking;
	showLive(current());
});
on("picture", "error", async () => {
	if (!$("picture").hasAttribute("src")) return;
	leaveNow(); // the next state requests it again, unless it is refused
	const [why, more] = await refusal("preview");
	if (!why) return;
	looking = false;
	complain(why, more);
	showLive(current());
});
