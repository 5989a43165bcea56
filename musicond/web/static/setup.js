// The part of the view Device that sets the device up: name, camera, quiet hours, smart home and player.
import { $, ask, element, explained, keep, languages, on, permit, set, show, showDetails, t, toast } from "./page.js";
import { loadSpeakers } from "./player.js";

const START_MS = 1500; // how long the daemon runs on after its answer
const POLL_MS = 700;
const FIELDS = {
	"set-name": "device.name",
	"set-view": "camera.view",
	"set-rotation": "camera.rotation",
	"set-preview": "web.preview",
	"set-history": "history.enabled",
	"set-language": "web.language",
	"set-host": "mqtt.host",
	"set-port": "mqtt.port",
	"set-user": "mqtt.username",
	"set-player": "playback.backend",
	"set-client": "spotify.client_id",
};

let stored = null; // the values in force

export const inForce = (key) => stored?.[key];
export const change = async (values) => takeOver(await ask("setup/change", { values }));

export async function openSetup() {
	const found = await ask("setup/values", {}, { quietly: true });
	show("setup", Boolean(found));
	if (!found || dirty()) return;
	stored = found.values;
	for (const [id, key] of Object.entries(FIELDS)) {
		if ($(id).type === "checkbox") $(id).checked = stored[key];
		else $(id).value = stored[key] ?? "";
	}
	const [from, to] = (stored["music.quiet_hours"] || "").split("-");
	$("set-quiet-from").value = from || "";
	$("set-quiet-to").value = to || "";
	pairHours();
	permitTest();
	$("set-password").value = "";
	$("set-password").placeholder = found.password ? t("password_kept") : "";
	set("set-client-hint", t("set_client_hint", { uri: found.redirect }));
	show("setup-reset", found.set_here.length > 0);
	loadSpeakers();
}

// The hours are a pair: with one of them the browser asks for the other.
function pairHours() {
	const [from, to] = [$("set-quiet-from"), $("set-quiet-to")];
	[from.required, to.required] = [Boolean(to.value), Boolean(from.value)];
}

const permitTest = () => permit($("broker-test"), $("set-host").value.trim() ? "" : t("why_not_address"));

function entered(id) {
	const field = $(id);
	if (field.type === "checkbox") return field.checked;
	const text = field.value.trim();
	if (field.type === "number" || "number" in field.dataset) return text ? Number(text) : null;
	return text || null;
}

// Returns the values of a form that differ from those in force.
function changed(form) {
	const values = {};
	for (const [id, key] of Object.entries(FIELDS)) {
		if (form.contains($(id)) && entered(id) !== stored[key]) values[key] = entered(id);
	}
	if (form.contains($("set-password")) && $("set-password").value) values["mqtt.password"] = $("set-password").value;
	if (form.contains($("set-quiet-from"))) {
		const [from, to] = [$("set-quiet-from").value, $("set-quiet-to").value];
		const hours = from && to ? `${from}-${to}` : null;
		if (hours !== stored["music.quiet_hours"]) values["music.quiet_hours"] = hours;
	}
	return values;
}

const dirty = () => Boolean(stored) && Object.keys(changed($("setup"))).length > 0;

async function save(event) {
	event.preventDefault();
	const values = changed(event.target);
	if (!Object.keys(values).length) return toast(t("saved"));
	if (values["web.language"]) keep("language", ""); // what this browser chose before
	return change(values);
}

async function takeOver(answer) {
	if (!answer) return null;
	stored = null;
	if (!answer.restarts) {
		await openSetup(); // before a person goes on typing
		return toast(t("saved"));
	}
	toast(t("saved_restart"));
	document.body.dataset.restarts = "1";
	await new Promise((resolve) => { setTimeout(resolve, START_MS); });
	while (!(await ask("state", null, { quietly: true }))) await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
	return location.reload(); // other parts of the page may be there now
}

async function testBroker() {
	set("broker-result", t("checking"));
	const found = await ask("setup/check-broker", { values: changed($("broker-form")) });
	if (!found) return set("broker-result", "");
	const [text, more] = found.state === "ok" ? [t("broker_well"), ""] : explained("plain_broker", found.found);
	set("broker-result", text);
	return showDetails("broker-result", more);
}

for (const { tag, name } of [{ tag: "auto", name: t("language_auto") }, ...languages]) {
	const option = element("option", name);
	option.value = tag;
	if (tag !== "auto") option.lang = tag;
	$("set-language").append(option);
}
for (const id of ["device-form", "broker-form", "player-form"]) on(id, "submit", save);
for (const id of ["set-quiet-from", "set-quiet-to"]) on(id, "input", pairHours);
on("set-host", "input", permitTest);
on("broker-test", "click", testBroker);
on("setup-reset", "click", async () => {
	if (confirm(t("setup_reset_sure"))) await takeOver(await ask("setup/reset", { key: null }));
});
