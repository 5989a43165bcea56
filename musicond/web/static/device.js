// The views Device and Welcome: the health of the machine, the next steps, the sign-in at Spotify, and the log.
import { $, TEXTS, announce, ask, cameraExplained, duration, element, explained, fullDay, linkText, machineNotice, number, on, percent, redraw, set, show, showTrouble, sign, t, time } from "./page.js";
import { findServers, offer } from "./music-assistant.js";

const NO_NAME = "camera"; // the name of a camera that is not found yet
const SIGNS = { ok: "ok", warning: "warning", failed: "warning" };

let current = null;
let checks = null;
let account = null;
let servers = []; // of Music Assistant, in the home network
let looked = false;
let doubted = null; // the account with which the state did not agree

function rows(state) {
	const { health } = state;
	const seen = health.width_seen ? `, ${t("width_seen", { share: percent(health.width_seen) })}` : "";
	const reach = health.reach_m ? `, ${t("reach", { metres: number(health.reach_m, 1) })}` : "";
	const name = health.camera === NO_NAME && state.watching !== "yes" ? t(`${state.watching}_short`) : health.camera;
	const found = [[t("camera"), `${name}${seen}${reach}`]];
	const skipped = (health.bad_frames || 0) + (health.missing_frames || 0);
	if (skipped) found.push([t("skipped"), number(skipped)]);
	if (health.trouble && !state.controls.private) found.push([t("camera"), cameraTrouble(health)[0], "wide bad"]);
	if (health.light) found.push([t("light"), t(`light_${health.light}`), health.light === "failed" && "bad"]);
	found.push([t("model"), health.model]);
	if (health.frames_per_s !== undefined) found.push([t("frames"), t("per_second", { n: number(health.frames_per_s, 1) })]);
	if (health.temperature_c) {
		const hot = health.throttled ? `, ${t("throttled")}` : "";
		found.push([t("temperature"), `${number(health.temperature_c)} °C${hot}`, hot && "bad"]);
	}
	found.push([t("check_power"), machineNotice(health), "wide bad"]);
	if (health.memory_mib) found.push([t("memory"), `${number(health.memory_mib)} MiB`]);
	if (health.uptime_s !== undefined) found.push([t("running"), health.uptime_s < 60 ? t("under_a_minute") : duration(health.uptime_s)]);
	if (health.last_restart) found.push([t("last_restart"), health.last_restart, "wide"]);
	if (health.outputs?.button?.includes(";")) found.push([t("button"), explained("plain_button", health.outputs.button)[0], "wide bad"]);
	found.push([t("version"), state.version]);
	found.push([t("broker"), brokerText(health), "wide"]);
	found.push([t("broker"), brokerTrouble(health)[0], "wide bad"]);
	return found.filter(([, value]) => value);
}

export function showDevice(state) {
	current = state;
	const found = rows(state);
	redraw($("health"), found, () => found.map(([name, value, className]) => {
		const row = element("div", undefined, className);
		row.append(element("dt", name), element("dd", value));
		return row;
	}));
	const inside = state.playback?.account?.signed_in;
	if (account && account !== doubted && inside === !account.signed_in) {
		doubted = account;
		spotify("status", {}, true);
	}
	showSteps();
}

// Returns what a check says: for a person, and in the words of musicond doctor.
function saidBy({ name, state, found, remedy }) {
	const key = `check_${name}_bad`;
	return [state === "ok" ? "" : key in TEXTS ? t(key) : t("technical"), [found, remedy && `→ ${remedy}`].filter(Boolean).join(" ")];
}

const titleOf = (name) => (`check_${name}` in TEXTS ? t(`check_${name}`) : name);

function line(mark, label, title, text, raw) {
	const item = element("li", undefined, mark);
	const icon = element("span", undefined, "mark");
	icon.append(sign(SIGNS[mark] || "about"));
	const told = element("div");
	const head = element("b", `${title} `);
	head.append(element("span", label, "tag"));
	told.append(head);
	if (text) told.append(element("span", text, "soft"));
	if (raw) {
		const more = element("details");
		const found = element("span", raw, "soft");
		found.lang = "en";
		more.append(element("summary", t("details")), found);
		told.append(more);
	}
	item.append(icon, told);
	return item;
}

function cameraTrouble(health) {
	const [text, raw] = cameraExplained(health);
	return [text || t("no_camera_detail"), raw];
}

function cameraStep() {
	const { watching, health } = current;
	if (watching === "private") return ["ok", "step_done", t("step_camera_private")];
	if (watching === "no_camera") return ["failed", "step_bad", ...cameraTrouble(health)];
	if (health.camera === NO_NAME) return ["optional", "step_open", linkText(current)];
	return ["ok", "step_done", t("step_camera_ok", health)];
}

const brokerText = ({ broker }) => (broker ? t(broker.connected ? "broker_connected" : "broker_lost", broker) : t("broker_off"));
const brokerTrouble = ({ broker }) => explained(broker?.connected ? "plain_refusal" : "plain_broker", broker?.problem || broker?.refusal);

function brokerStep() {
	const found = checks?.find((each) => each.name === "broker");
	const { health } = current;
	if (!health.broker) return ["optional", "step_optional", t("step_broker_off")];
	const [text, raw] = brokerTrouble(health);
	if (text) return ["failed", "step_bad", text, raw];
	if (!found) return ["optional", "step_open", brokerText(health)];
	return [found.state, found.state === "ok" ? "step_done" : "step_bad", ...saidBy(found)];
}

function spotifyStep() {
	if (!account) return ["optional", "step_optional", t("step_spotify_off")];
	if (!account.signed_in) return ["warning", "step_open", ...explained("plain_spotify", account.trouble)];
	return ["ok", "step_done", t("step_signed_in", { user: account.user || "", date: fullDay(account.expires_on) })];
}

// Returns the step of Music Assistant; null where it is neither used nor found.
function musicAssistantStep() {
	const { playback } = current;
	if (playback?.backend !== "music-assistant") return !playback && servers.length ? ["optional", "step_optional", t("step_ma_found", { url: servers[0] })] : null;
	const { signed_in: inside, user, expires_on: until } = playback.account || {};
	if (!inside) return ["warning", "step_open", t("why_not_signed_in_ma")];
	return ["ok", "step_done", t("step_signed_in", { user: user || "", date: until ? fullDay(until) : "" })];
}

function showSteps() {
	if (!current) return;
	const open = {
		broker: !current.health.broker && "setup",
		spotify: account ? !account.signed_in && "signin" : "setup",
		backend_ma: !current.playback?.account?.signed_in && "setup",
	};
	const steps = [["camera", cameraStep()], ["broker", brokerStep()], ["backend_ma", musicAssistantStep()], ["spotify", spotifyStep()]];
	const found = steps.filter(([, step]) => step);
	redraw($("steps"), found, () => found.map(([name, [mark, label, text, raw]]) => {
		const item = line(mark, t(label), t(name), text, raw);
		if (open[name]) item.lastChild.append(wayTo(name, open[name]));
		return item;
	}));
}

function wayTo(name, text) {
	const way = element("a", t(text), "button");
	way.href = "#device";
	if (name === "backend_ma") way.addEventListener("click", () => offer(servers[0] || ""));
	return way;
}

// Looks for servers of Music Assistant where no player is set up.
async function lookForServers() {
	if (looked || current.playback) return;
	looked = true;
	({ servers } = await findServers());
	showSteps();
}

export async function openStart(state) {
	current = state;
	lookForServers();
	await Promise.all([check(), current.spotify ? spotify("status", {}, true) : null]);
}

export async function openDevice(state) {
	await Promise.all([openStart(state), loadLog()]);
}

async function check() {
	redraw($("checks"), "checking", () => [element("li", t("checking"), "soft")]);
	const found = await ask("doctor/check", {}, { quietly: true });
	checks = found ? found.checks : null;
	redraw($("checks"), checks, () => (checks || []).map((each) => line(each.state, t(`check_${each.state}`), titleOf(each.name), ...saidBy(each))));
	showSteps();
}

async function loadLog() {
	const lines = (await ask("log", null, { quietly: true }))?.lines || [];
	redraw($("log"), lines, () => (lines.length ? lines.slice().reverse().map(logItem) : [element("li", t("log_none"), "soft")]));
}

function logItem({ at, level, text }) {
	const item = element("li", undefined, level === "INFO" ? "" : "bad");
	const when = element("time", time(new Date(at)));
	when.dateTime = at;
	item.append(when, " ", text);
	return item;
}

async function spotify(action, body = {}, quietly = false) {
	const found = await ask(`spotify/${action}`, body, { quietly });
	if (found && "signed_in" in found) account = found;
	showSpotify();
	return found;
}

function showSpotify() {
	show("spotify", Boolean(account));
	if (account) {
		const { signed_in: inside, user, expires_on: until, days_left: left } = account;
		set("spotify-text", inside ? t("signin_until", { user: user || "", date: fullDay(until), n: left }) : t("signin_out"));
		showTrouble("spotify-trouble", "plain_spotify", account.trouble);
		set("signin", inside ? t("signin_again") : t("signin"));
		show("signout", inside);
		show("speakers-show", inside);
	}
	showSteps();
}

on("check", "click", check);
on("signin", "click", async () => {
	const found = await spotify("begin");
	if (!found?.url?.startsWith("https://")) return;
	$("signin-open").href = found.url;
	set("signin-result", "");
	show("signin-steps", true);
	$("signin-open").focus();
});
on("signin-form", "submit", async (event) => {
	event.preventDefault();
	let found = await spotify("finish", { redirect: $("signin-address").value.trim() });
	while (found?.pending) {
		await new Promise((done) => setTimeout(done, 1000));
		found = await spotify("status", {}, true);
	}
	if (!found?.signed_in) return;
	event.target.reset();
	show("signin-steps", false);
	set("signin-result", t("signin_done"));
});
on("signout", "click", async () => {
	await spotify("logout");
	$("speakers").replaceChildren();
	announce(t("signin_out"));
});
on("speakers-show", "click", async () => {
	const found = await spotify("devices");
	if (!found) return;
	const items = found.devices.map((each) => {
		const notes = [each.type, each.active && t("speaker_active"), !each.usable && t("speaker_unusable")].filter(Boolean);
		return element("li", `${each.name} (${notes.join(", ")})`);
	});
	$("speakers").replaceChildren(...(items.length ? items : [element("li", t("speakers_none"))]));
});
