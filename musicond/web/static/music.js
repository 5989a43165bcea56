// The view Music: the policy, the songs of each mood, and their sources.
import { $, EMOTIONS, announce, ask, command, element, explained, lineItem, on, redraw, set, show, showDetails, signButton, t, toast } from "./page.js";
import { faceButton } from "./mood.js";

const POLICIES = ["", "match", "lift", "steady"];
const PAGE = 100; // songs read at once
const POLL_MS = 700;
const TYPING_MS = 250;

let mood = "happy";
let songs = [];
let total = 0;
let removed = null;
let moving = null; // the song to move to another mood
let watching = false; // a refresh is under way
let left = false; // the view was left during it
let typing = 0;
let lists = {};

function chosen(button, on) {
	button.setAttribute("aria-pressed", String(on));
}

function choice(text, act) {
	const made = element("button", text, "choice");
	made.addEventListener("click", act);
	return made;
}

export function showMusic({ controls: { policy } }) {
	const now = policy || "";
	for (const [index, button] of [...$("policies").children].entries()) chosen(button, POLICIES[index] === now);
	set("policy-hint", t(`policy_${now}_hint`));
}

export async function openMusic(state) {
	if (state?.recommendation) mood = state.recommendation.mood;
	await Promise.all([load(), loadSources(), followRunning()]);
}

// Shows a refresh that was not started on this page.
async function followRunning() {
	const found = await ask("catalogue/progress", {}, { quietly: true });
	if (found?.running) follow();
	else if (found && left) showReport(found.report);
	left = false;
}

async function load(more = false) {
	for (const button of $("moods").children) chosen(button, button.dataset.mood === mood);
	for (const key of ["song_add", "sources"]) set(`${key}-title`, t(key, { mood: t(mood) }));
	const query = $("search").value.trim();
	const wanted = JSON.stringify([mood, query]);
	const found = await ask("catalogue/list", { emotion: mood, query, offset: more ? songs.length : 0, limit: PAGE });
	if (!found || wanted !== JSON.stringify([mood, $("search").value.trim()])) return;
	const seen = new Set(more ? songs.map((song) => song.track_id) : []);
	const fresh = found.entries.filter((song) => song.state !== "gone" && !seen.has(song.track_id) && seen.add(song.track_id));
	songs = more ? [...songs, ...fresh] : fresh;
	total = found.total;
	draw();
}

function draw() {
	const none = $("search").value.trim() ? t("search_none") : t("no_list");
	set("count", total ? `${t(total === 1 ? "song_1" : "songs_n", { n: total })}.` : none);
	show("more", total > songs.length);
	redraw($("songs"), [mood, songs], () => songs.map((song) => {
		const item = lineItem(song);
		item.append(signButton("move", t("move_song", song), () => openMoving(song)));
		item.append(signButton("remove", t("remove", song), () => remove(song)));
		return item;
	}));
}

function openMoving(song) {
	moving = song;
	set("moving-title", t("move_song", song));
	for (const button of $("moving-faces").children) button.hidden = button.dataset.mood === mood;
	$("moving").showModal();
}

async function move(song, from, to, { keep = false, back = false } = {}) {
	const done = await ask("catalogue/move", { id: song.track_id, emotion: from, to, keep, back });
	if (!done) return;
	const undo = () => move(song, to, from, { keep: done.was_there, back: true });
	toast(t("moved", { title: song.title, mood: t(to) }), back ? null : undo);
	await load();
}

async function remove(song) {
	const emotion = mood;
	if (!(await ask("catalogue/remove", { id: song.track_id, emotion }))) return;
	removed = { ...song, emotion };
	set("undo-text", t("removed", song));
	show("undo-line", true);
	announce(t("removed", song));
	await load();
	$("undo").focus();
}

async function add(song) {
	if (!(await ask("catalogue/add", { rows: [song] }))) return false;
	toast(t("added", song));
	await load();
	return true;
}

async function loadSources() {
	const found = await ask("catalogue/sources", {}, { quietly: true });
	if (found) showSources(found);
}

function showSources(found) {
	lists = found.lists;
	show("source-form", found.spotify);
	show("source-none", !found.spotify);
	show("source-reset", found.chosen.includes(mood));
	const names = lists[mood] || [];
	redraw($("sources"), [mood, names], () => names.map((name) => sourceItem(names, name)));
}

function titled(name) {
	if (name === "starter") return t("source_starter");
	if (name === "spotify:liked") return t("source_liked");
	if (name.startsWith("library:")) return t("source_library", { place: name.replace("library:", "") });
	return name.replace(/^https:\/\/open\.spotify\.com\//, "open.spotify.com/");
}

function sourceItem(names, name) {
	const list = { title: titled(name), link: name };
	const item = lineItem(list);
	item.append(signButton("remove", t("remove", list), () => choose(names.filter((each) => each !== name))));
	return item;
}

async function choose(names) {
	const found = await ask("catalogue/source", { emotion: mood, lists: names });
	if (!found) return false;
	showSources(found);
	follow();
	return true;
}

function showReport(report) {
	const count = (kind) => report.lists.reduce((sum, list) => sum + list[kind].length, 0);
	const done = report?.lists ? t("refreshed", { added: count("new"), gone: count("gone") }) : "";
	const [why, more] = report?.error ? explained("plain_refresh", report.error) : explained("plain_lists", report?.faults?.join(" "));
	set("progress", [done, why].filter(Boolean).join(" "));
	showDetails("progress", more);
}

async function follow() {
	if (watching) return;
	watching = true;
	for (;;) {
		const found = await ask("catalogue/progress", {}, { quietly: true });
		left = $("view-music").hidden;
		if (!found || left) break;
		if (!found.running) {
			showReport(found.report);
			break;
		}
		const values = { done: found.done ?? 0, total: found.total ?? "", n: found.songs, name: titled(found.name || "") };
		set("progress", t(found.songs ? "refreshing_songs" : "refreshing", values));
		await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
	}
	watching = false;
	if (!left) await load();
}

for (const policy of POLICIES) {
	$("policies").append(choice(t(`policy_${policy}`), () => command("policy", { policy: policy || null })));
}
for (const each of EMOTIONS) {
	const button = choice(t(each), () => {
		mood = each;
		$("search").value = "";
		show("undo-line", false);
		load();
		loadSources();
	});
	button.dataset.mood = each;
	$("moods").append(button);
}
for (const each of EMOTIONS) {
	$("moving-faces").append(faceButton(each, (to) => {
		$("moving").close();
		move(moving, mood, to);
	}));
}
on("more", "click", () => load(true));
on("search", "input", () => {
	clearTimeout(typing);
	typing = setTimeout(load, TYPING_MS);
});
on("undo", "click", async () => {
	show("undo-line", false);
	if (removed) await add(removed);
	removed = null;
});
on("song-form", "submit", async (event) => {
	event.preventDefault();
	const [title, artist, link] = ["title", "artist", "link"].map((name) => $(`song-${name}`).value.trim());
	if (await add({ emotion: mood, title, artist, link })) event.target.reset();
});
on("source-form", "submit", async (event) => {
	event.preventDefault();
	const name = $("source-name").value.trim();
	const full = /^(spotify:|https:)/.test(name) ? name : `spotify:${name}`;
	if (await choose([...(lists[mood] || []), full])) event.target.reset();
});
on("source-reset", "click", () => choose(null));
on("refresh", "click", async () => {
	if (await ask("catalogue/refresh")) follow();
});
