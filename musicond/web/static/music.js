// The view Music: the policy, the songs of each mood, and their sources.
import { $, EMOTIONS, announce, ask, command, element, lineItem, on, redraw, set, show, signButton, t, toast } from "./page.js";

const POLICIES = ["", "match", "lift", "steady"];
const FIRST = 10; // songs shown until "more" is clicked
const POLL_MS = 700;

let mood = "happy";
let songs = [];
let whole = false;
let removed = null;
let watching = false; // a refresh is under way
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
	await Promise.all([load(), loadSources()]);
}

async function load() {
	for (const button of $("moods").children) chosen(button, button.dataset.mood === mood);
	for (const key of ["song_add", "sources"]) set(`${key}-title`, t(key, { mood: t(mood) }));
	const wanted = mood;
	const found = await ask("catalogue/list", { emotion: wanted });
	if (!found || wanted !== mood) return;
	const seen = new Set();
	songs = found.entries.filter((each) => each.state !== "gone" && !seen.has(each.track_id) && seen.add(each.track_id));
	draw();
}

function draw() {
	const part = whole ? songs : songs.slice(0, FIRST);
	set("count", songs.length ? `${t("songs_n", { n: songs.length })}.` : t("no_list"));
	show("more", songs.length > part.length);
	redraw($("songs"), [mood, part, songs.length], () => part.map(songItem));
}

function movable(song, index, count, shift, drop) {
	const item = lineItem(song);
	const up = signButton("up", t("move_up", song), () => shift(-1));
	const down = signButton("down", t("move_down", song), () => shift(1));
	up.disabled = index === 0;
	down.disabled = index === count - 1;
	item.append(up, down, signButton("remove", t("remove", song), drop));
	return item;
}

function songItem(song, index) {
	return movable(song, index, songs.length, (by) => move(song, by), () => remove(song));
}

async function move(song, by) {
	const ids = songs.map((each) => each.track_id); // may have been reloaded since the line was drawn
	const from = ids.indexOf(song.track_id);
	if (from < 0 || !(from + by in ids)) return load();
	[ids[from], ids[from + by]] = [ids[from + by], ids[from]];
	if (!(await ask("catalogue/reorder", { emotion: mood, ids: ids.slice(0, Math.max(from, from + by) + 1) }))) return;
	if (from + by >= FIRST) whole = true;
	await load();
	const buttons = [...($("songs").children[from + by]?.querySelectorAll("button:not(:disabled)") || [])];
	(buttons.find((each) => each.title === t(by < 0 ? "move_up" : "move_down", song)) || buttons[0])?.focus();
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
	redraw($("sources"), [mood, names], () => names.map((name, index) => sourceItem(names, name, index)));
}

function titled(name) {
	if (name === "starter") return t("source_starter");
	if (name === "spotify:liked") return t("source_liked");
	return name.replace(/^https:\/\/open\.spotify\.com\//, "open.spotify.com/");
}

function sourceItem(names, name, index) {
	const shift = (by) => choose(names.map((_, at) => names[{ [index]: index + by, [index + by]: index }[at] ?? at]));
	const drop = () => choose(names.filter((each) => each !== name));
	return movable({ title: titled(name), link: name }, index, names.length, shift, drop);
}

async function choose(names) {
	const found = await ask("catalogue/source", { emotion: mood, lists: names });
	if (!found) return false;
	showSources(found);
	follow();
	return true;
}

async function follow() {
	if (watching) return;
	watching = true;
	for (;;) {
		const found = await ask("catalogue/progress", {}, { quietly: true });
		if (!found) break;
		if (!found.running) {
			const { report } = found;
			set("progress", report ? report.error || [t("refreshed", report), ...(report.faults || [])].join(" ") : "");
			break;
		}
		set("progress", t("refreshing", { done: found.done ?? 0, total: found.total ?? "" }));
		await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
	}
	watching = false;
	await load();
}

for (const policy of POLICIES) {
	$("policies").append(choice(t(`policy_${policy}`), () => command("policy", { policy: policy || null })));
}
for (const each of EMOTIONS) {
	const button = choice(t(each), () => {
		mood = each;
		whole = false;
		show("undo-line", false);
		load();
		loadSources();
	});
	button.dataset.mood = each;
	$("moods").append(button);
}
on("more", "click", () => { whole = true; draw(); });
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
