// The stream of the state, the choice of the view by the address, and the controls of every view.
import { $, adoptLanguage, all, ask, element, keep, language, languages, linkText, on, permit, refusal, remembered, set, show, sign, t, time, translate } from "./page.js";
import { current, follow, update } from "./store.js";
import { playingTitle } from "./player.js";
import { controlledFromOutside } from "./media.js";
import "./mood.js";
import "./shortcuts.js";
import "./trend.js";
import "./way.js";
import { showNow, tick, leaveNow } from "./now.js";
import { openMusic, showMusic } from "./music.js";
import { openHistory, showHistory } from "./history.js";
import { openDevice, openStart, showDevice } from "./device.js";
import { openLinks } from "./links.js";
import { openMusicAssistant } from "./music-assistant.js";
import { openSetup } from "./setup.js";

const SILENCE_MS = 20000; // the server sends at least an empty change every 15 s
const PATIENCE_MS = 1500; // how long the first view may take to load what it needs
const RETRY_MS = [1000, 2000, 5000, 10000];
const LINKS = { yes: "live", dark: "idle", paused: "idle", private: "idle", no_camera: "idle" };
const VIEWS = {
	start: { open: openStart, show: showDevice },
	now: { show: showNow, leave: leaveNow },
	music: { open: openMusic, show: showMusic },
	history: { open: openHistory, show: showHistory },
	device: { open: (state) => Promise.all([openDevice(state), openSetup().then(openMusicAssistant), openLinks()]), show: showDevice },
	about: {},
};

let source = null;
let tries = 0;
let retry = 0;
let heardAt = 0;
let view = "";

function named() {
	const name = location.hash.slice(1);
	if (Object.hasOwn(VIEWS, name)) return name;
	return remembered("seen") ? "now" : "start";
}

function open(name, focus) {
	if (view && view !== name) VIEWS[view].leave?.();
	view = name;
	if (name !== "start") keep("seen", "1");
	for (const each of Object.keys(VIEWS)) show(`view-${each}`, each === name);
	for (const link of all("nav a")) {
		if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
		else link.removeAttribute("aria-current");
	}
	showTitle(current());
	if (current()) VIEWS[name].show?.(current());
	if (current()) VIEWS[name].open?.(current());
	if (focus) {
		scrollTo(0, 0);
		$(`view-${name}`).querySelector("h1")?.focus({ preventScroll: true });
	}
}

function showTitle(state) {
	const title = playingTitle(state) || `${t(view)} – ${state?.health.name || "musicond"}`;
	if (document.title !== title) document.title = title;
}

function showAlways(state) {
	const { watching, controls, health, preview, recommendation, demo } = state;
	const { private: closed, paused, paused_until: until } = controls;
	$("link").dataset.link = LINKS[watching];
	const shown = demo && watching === "yes"; // nobody is watched
	$("link").classList.toggle("badge", Boolean(shown));
	set("link-text", shown ? t("demo") : linkText(state));
	set("name", health.name || "musicond");
	$("privacy").setAttribute("aria-checked", String(closed));
	$("privacy-sign").setAttribute("href", closed ? "#sign-private" : "#sign-eye");
	$("pause").classList.toggle("on", paused);
	$("pause-sign").setAttribute("href", paused ? "#sign-play" : "#sign-sleep");
	set("pause-text", paused ? t("resume") : t("pause"));
	show("live-notice", preview && (watching === "yes" || watching === "dark"));
	show("demo", Boolean(demo));
	permit($("others"), watching !== "yes" ? t(`${watching}_short`) : recommendation ? "" : t("no_songs"));
	show("consent", closed && controls.consent_pending);
	$("pause").title = paused && until ? t("goes_on_at", { time: time(new Date(until)) }) : "";
}

// Objects are merged; any other value replaces the old one.
function merged(old, change) {
	if (old?.constructor !== Object || change?.constructor !== Object) return change;
	const state = { ...old };
	for (const name in change) state[name] = merged(old[name], change[name]);
	return state;
}

function shown(state) {
	if (current() && current().version !== state.version) return location.reload(); // a new daemon brings a new page
	const first = !current();
	adoptLanguage(state.health.language);
	update(state);
	return first && fill(state);
}

// Loads what the first view needs, and shows the page once it is there, so that nothing moves.
async function fill(state) {
	await Promise.race([VIEWS[view].open?.(state), new Promise((resolve) => { setTimeout(resolve, PATIENCE_MS); })]);
	document.body.classList.remove("loading");
}

function enable() {
	const off = document.body.classList.contains("stale") || !current();
	const controls = "#privacy, #pause, #choose, #mood-back, #wrong, #calibrate, #others, #bar button, #bar input, #bar select, #set-speaker, #policies button, .tracks button";
	for (const node of all(controls)) node.disabled = off;
}

function connected() {
	heardAt = Date.now();
	tries = 0;
	document.body.classList.remove("stale");
	show("offline", false);
}

function lost(refused) {
	const first = !document.body.classList.contains("stale");
	disconnect();
	VIEWS[view].leave?.(); // a frozen picture would look live
	document.body.classList.remove("loading");
	document.body.classList.add("stale");
	$("link").dataset.link = "lost";
	set("link-text", t("lost"));
	const plain = t(document.body.dataset.restarts ? "restarting" : "offline");
	if (first || !refused) set("offline", plain);
	if (refused) refusal("events").then(([why]) => set("offline", why || plain));
	show("offline", true);
	enable();
	retry = setTimeout(connect, RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]);
	tries += 1;
}

function disconnect() {
	clearTimeout(retry);
	if (source) source.close();
	source = null;
}

function connect() {
	disconnect();
	heardAt = Date.now();
	source = new EventSource("api/v1/events");
	const heard = ({ type, data }) => {
		connected();
		shown(merged(type === "state" ? {} : current(), JSON.parse(data)));
		enable();
	};
	source.addEventListener("state", heard);
	source.addEventListener("change", heard);
	source.onerror = ({ target }) => lost(target.readyState === EventSource.CLOSED); // EventSource does not reconnect then
}

on("privacy", "click", () => ask("privacy", { on: !current().controls.private }));
on("consent-give", "click", () => ask("privacy", { on: false }));
on("guest", "click", () => {
	$("pausing").close();
	ask("privacy", { on: true, until: "midnight" });
});
on("pause", "click", () => (current().controls.paused ? ask("resume") : $("pausing").showModal()));
for (const button of all(".lengths button")) {
	button.addEventListener("click", () => {
		$("pausing").close();
		const { minutes, until } = button.dataset;
		ask("pause", until ? { until } : { minutes: minutes ? Number(minutes) : null });
	});
}
const other = languages[(languages.findIndex(({ tag }) => tag === language) + 1) % languages.length];
set("language", other.name);
$("language").lang = other.tag;
on("language", "click", () => {
	keep("language", other.tag);
	location.reload();
});
document.querySelector(".skip").addEventListener("click", (event) => {
	event.preventDefault();
	$("main").focus();
});

addEventListener("hashchange", () => open(named(), true));
// A hidden page closes its streams, but for that of the state while the lock screen shows it.
document.addEventListener("visibilitychange", () => {
	if (!document.hidden) return (source && Date.now() - heardAt < SILENCE_MS) || connect(); // it may have been frozen
	VIEWS[view].leave?.();
	return controlledFromOutside() || disconnect();
});
setInterval(() => {
	if (current() && view === "now") tick(current());
	if (source && Date.now() - heardAt > SILENCE_MS) lost();
}, 1000);

for (const name of ["now", "music", "history", "device", "about"]) {
	const link = element("a");
	link.href = `#${name}`;
	link.append(sign(name), element("span", t(name)));
	$("nav").append(link);
}
// The order of the keyboard is that of sight: the views are at the top of a wide page, and at the bottom of a narrow one.
const wide = matchMedia("(min-width: 51.25em)");
function placeNav() {
	if (wide.matches) document.querySelector("header").insertBefore($("nav"), $("controls"));
	else document.querySelector("dialog").before($("nav"));
}
wide.addEventListener("change", placeNav);
placeNav();
follow(showAlways);
follow((state) => VIEWS[view].show?.(state));
follow(showTitle);
translate();
set("link-text", t("connecting"));
set("pause-text", t("pause"));
open(named(), false);
document.body.classList.remove("starting");
if (!document.hidden) connect();
