// Shared by all views: texts in the person's language, elements made without markup, and requests to the daemon.
export const EMOTIONS = ["happy", "surprise", "neutral", "sad", "fear", "angry", "disgust"];

export const $ = (id) => document.getElementById(id);
export const all = (css) => document.querySelectorAll(css);
export const on = (id, event, act) => $(id).addEventListener(event, act);
export const remembered = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
export const sentence = (text) => (text ? text[0].toUpperCase() + text.slice(1) : text);
export const keep = (key, value) => { try { localStorage.setItem(key, value); } catch { /* private window */ } };

const TAGS = document.querySelector("meta[name=languages]").content.split(" "); // one for each file of texts
// That of this browser, else that of the device, else what the browser wishes.
function chosenLanguage() {
	const wished = [remembered("language"), remembered("device-language"), ...navigator.languages];
	return wished.map((tag) => String(tag).slice(0, 2)).find((tag) => TAGS.includes(tag)) || "en";
}
export const language = chosenLanguage();

// Takes over the language of the device; the page is read again where that changes its own.
export function adoptLanguage(tag) {
	if (!tag || tag === remembered("device-language")) return;
	keep("device-language", tag);
	if (chosenLanguage() !== language) location.reload();
}

export const { TEXTS } = await import(`./texts-${language}.js`);
// Each language with its name in itself.
export const languages = TAGS.map((tag) => ({ tag, name: sentence(new Intl.DisplayNames([tag], { type: "language" }).of(tag)) }));

export function t(key, values = {}) {
	return TEXTS[key].replace(/\{(\w+)(?:\|(.*?)\|(.*?))?\}/g, (_, name, singular, plural) => (plural ? (values[name] === 1 ? singular : plural) : values[name] ?? ""));
}

// Returns an English text of the daemon in the person's language, if there is a translation.
export const said = (key, text, values) => (key in TEXTS && t(key, values)) || text;

const locale = navigator.languages.find((tag) => tag.startsWith(language)) || language;
export const percent = (share) => `${Math.round(share * 100)} %`;
export const time = (date) => date.toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit" });
export const noon = (day) => new Date(`${day}T12:00`);
export const day = (date) => date.toLocaleDateString(locale, { day: "numeric", month: "short" });
export const weekday = (date) => date.toLocaleDateString(locale, { weekday: "short" });
export const fullDay = (text) => noon(text).toLocaleDateString(locale, { dateStyle: "medium" });
export const number = (value, digits = 0) => value.toLocaleString(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits });

// Returns what the daemon does, in one or two words.
export const linkText = ({ watching, since }) => t(since ? `link_${watching}` : "starting");

export function duration(seconds) {
	const minutes = Math.floor(seconds / 60);
	if (minutes < 1) return t("just_now");
	if (minutes < 60) return t("minutes", { n: minutes });
	const hours = Math.floor(minutes / 60);
	return hours < 48 ? t("hours", { h: hours, m: minutes % 60 }) : t("days", { n: Math.floor(hours / 24) });
}

export function set(id, text) {
	if ($(id).textContent !== text) $(id).textContent = text;
}

export function show(id, visible) {
	if ($(id).hidden === visible) $(id).hidden = !visible;
}

// Text from outside is inserted as text, never as markup.
export function element(tag, text, className) {
	const made = document.createElement(tag);
	if (text !== undefined && text !== null) made.textContent = text;
	if (className) made.className = className;
	return made;
}

export function drawn(tag, attributes) {
	const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
	for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
	return made;
}

export function sign(name) {
	const made = drawn("svg", { "aria-hidden": "true" });
	made.append(drawn("use", { href: `#sign-${name}` }));
	return made;
}

function signed(tag, name, label) {
	const made = element(tag, undefined, "thumb");
	made.setAttribute("aria-label", label);
	made.title = label;
	made.append(sign(name));
	return made;
}

export function signButton(name, label, act) {
	const made = signed("button", name, label);
	made.addEventListener("click", act);
	return made;
}

// Returns a line with a song or a list, and its link if that is safe.
export function lineItem({ title, artist, album, link }, ...first) {
	const item = element("li");
	const text = element("div", undefined, "song");
	text.append(element("b", title), element("span", [artist, album].filter(Boolean).join(" · "), "soft"));
	for (const line of text.children) line.dir = "auto";
	item.append(text, ...first);
	if (/^https:\/\//i.test(link)) {
		const way = signed("a", "open", t("open_song", { title }));
		way.href = link;
		way.target = "_blank";
		way.rel = "noopener noreferrer";
		item.append(way);
	}
	return item;
}

const FOCUSABLE = "button, a, input, select";

// Redraws only after a change. The focus stays at the same place, or goes to the heading if that is gone.
export function redraw(node, key, make) {
	const text = JSON.stringify([language, key]);
	if (node.dataset.key === text) return;
	const focused = document.activeElement;
	const line = [...node.children].findIndex((child) => child.contains(focused));
	const at = line < 0 ? -1 : [...node.children[line].querySelectorAll(FOCUSABLE)].indexOf(focused);
	node.dataset.key = text;
	node.replaceChildren(...make());
	if (line < 0) return;
	const places = node.children[Math.min(line, node.children.length - 1)]?.querySelectorAll(FOCUSABLE) || [];
	const heading = node.closest("section, .view")?.querySelector("[tabindex='-1']") || $("main");
	(places[at] || places[0] || heading).focus({ preventScroll: true });
}

// Shows a text, or hides its element if there is none.
export function tell(id, text) {
	show(id, Boolean(text));
	set(id, text || "");
}

export const loaded = (playback) => Boolean(playback?.track) && (playback.state === "playing" || playback.state === "paused");

// Returns the words for a trouble, and the text of the daemon, which says more; both are "" without one.
export const explained = (key, raw) => (raw ? [t(key), raw] : ["", ""]);

// Returns why the camera gives no pictures; one in the network has other remedies.
export function cameraExplained({ camera, trouble }) {
	return explained(camera?.startsWith("network camera ") ? "plain_network_camera" : "plain_camera", trouble);
}

// Returns what heat, a weak power supply or a turned camera does to the device, or "".
export function machineNotice({ rate_share: share, undervoltage, rotation_hint: rotation }) {
	const turned = typeof rotation === "number" && t("turned_notice", { rotation });
	return [share < 1 && t("hot_notice"), undervoltage && t("voltage_notice"), turned].filter(Boolean).join(" ");
}

// Shows a trouble in human words, with the daemon's own text behind "details".
export function showTrouble(id, key, raw) {
	const [text, more] = explained(key, raw);
	show(id, Boolean(text));
	set(`${id}-text`, text);
	showDetails(id, more);
}

export function showDetails(id, more) {
	show(`${id}-more`, Boolean(more));
	set(`${id}-raw`, more);
}

// Lets a control work, or keeps it from working and says why: as its title, and when it is tapped.
export function permit(node, why) {
	if (node.dataset.why === (why || "")) return;
	node.dataset.why = why || "";
	node.title = why || "";
	if (why) node.setAttribute("aria-disabled", "true");
	else node.removeAttribute("aria-disabled");
}

document.addEventListener("click", (event) => {
	const refused = event.target.closest?.("[aria-disabled=true]");
	if (!refused) return;
	event.stopImmediatePropagation();
	event.preventDefault();
	toast(refused.dataset.why);
}, { capture: true });

// A list opens, and a slider moves, before the click and by these keys.
const CHANGING = /^(Arrow\w+|Home|End|Page\w+|Enter|.)$/u;
const changes = ({ type, key, ctrlKey, metaKey }) => type !== "keydown" || (CHANGING.test(key) && !ctrlKey && !metaKey);
for (const type of ["mousedown", "touchstart", "keydown"]) {
	document.addEventListener(type, (event) => {
		if (!event.target.matches?.("select[aria-disabled=true], input[aria-disabled=true]") || !changes(event)) return;
		event.preventDefault();
		toast(event.target.dataset.why);
	}, { capture: true, passive: false });
}

export function announce(text) {
	set("announce", text);
}

// Confirms a person's action for a moment, with a way back if there is one.
let toasted = 0;
export function toast(text, undo) {
	set("toast-text", text);
	$("toast").classList.add("shown");
	show("toast-undo", Boolean(undo));
	$("toast-undo").onclick = undo ? () => { hideToast(); undo(); } : null;
	clearTimeout(toasted);
	toasted = setTimeout(hideToast, undo ? 10000 : 5000);
}

function hideToast() {
	$("toast").classList.remove("shown");
	set("toast-text", "");
	show("toast-undo", false);
}

// Shows an error until it is closed or the next request succeeds.
export function complain(text, more = "") {
	set("error-text", text);
	showDetails("error", more);
	$("error").classList.toggle("shown", Boolean(text));
}

// Returns the response, or null after showing the error; with a body of null it is a GET.
export async function ask(what, body = {}, { quietly = false } = {}) {
	if (!quietly) complain("");
	try {
		const signal = AbortSignal.timeout?.(what.includes("/") ? 30000 : 10000); // longer than the daemon waits before it answers that it is busy
		const sent = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
		const answer = await fetch(`api/v1/${what}`, { signal, ...(body && sent) });
		const found = await answer.json();
		if (answer.ok) return found;
		if (!quietly) complain(...reworded(answer.status, what, found.error));
	} catch {
		if (!quietly) complain(t("failed", { why: t("no_answer") }));
	}
	return null;
}

// Returns the words for a refusal, by the setting that is named, by what was asked, else by the status.
function reworded(status, what, why) {
	const setting = /^[a-z_]+\.[a-z_]+(?=:)/.exec(why) || what;
	const bad = [`bad_${setting}`, `bad_${what}`];
	const keys = { 400: bad, 409: bad, 503: [`full_${what}`] }[status] || [];
	return explained([...keys, `failed_${status}`].map((key) => key.replace(/\W/g, "_")).find((key) => key in TEXTS) || "failed_500", why);
}

// Returns why a stream is refused, as `explained` does; "" if it is not, or only for a moment (409), or if nobody answers.
export async function refusal(what) {
	try {
		const answer = await fetch(`api/v1/${what}`, { signal: AbortSignal.timeout?.(10000) });
		if (!answer.ok && answer.status !== 409) return reworded(answer.status, what, (await answer.json()).error);
		await answer.body.cancel();
	} catch { /* the next try tells */ }
	return ["", ""];
}

const REPEATED = ["next", "previous"];
const MAX_WAITING = 5;
// Sends one command at a time: another is refused meanwhile, but for those that a person taps several times quickly.
// Stop is sent at once. It drops the taps that still wait, and so does the failure of one of them.
// The controls are not disabled, as that would lose the keyboard's focus.
let waiting = 0;
let drops = 0;
let last = Promise.resolve();
function dropWaiting() {
	drops += 1;
	waiting = 0;
}

export async function command(what, body) {
	const repeated = REPEATED.includes(what);
	if (what === "stop") {
		dropWaiting();
		last = Promise.resolve();
	} else if (waiting && (waiting >= MAX_WAITING || !repeated)) {
		toast(t("busy"));
		return null;
	}
	waiting += 1;
	$("controls").setAttribute("aria-busy", "true");
	const dropsBefore = drops;
	const sent = last.then(() => (drops === dropsBefore ? ask(what, body) : null));
	last = sent;
	const done = await sent;
	if (drops !== dropsBefore) return done;
	waiting -= 1;
	if (repeated && !done) dropWaiting();
	$("controls").setAttribute("aria-busy", String(waiting > 0));
	return done;
}

on("error-close", "click", () => complain(""));
for (const button of all("[data-close]")) button.addEventListener("click", () => button.closest("dialog").close());

export function translate() {
	document.documentElement.lang = language;
	for (const node of all("svg:not([role])")) node.setAttribute("aria-hidden", "true");
	for (const node of all("[data-help]")) node.href = `help/${language}/${node.dataset.help}`;
	for (const node of all("[data-t]")) node.textContent = t(node.dataset.t);
	for (const node of all("[data-t-label]")) node.setAttribute("aria-label", t(node.dataset.tLabel));
	for (const node of all("[data-t-alt]")) node.alt = t(node.dataset.tAlt);
	for (const node of all("[data-t-placeholder]")) node.placeholder = t(node.dataset.tPlaceholder);
}
