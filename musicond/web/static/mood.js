// The dialogs about the mood: choosing it, correcting it, and the calibration.
import { $, EMOTIONS, command, drawn, element, on, permit, set, show, t, toast } from "./page.js";
import { current, follow } from "./store.js";

const LENGTHS = [15, 30, 60, 120, 240, 480]; // minutes
const CALIBRATION_S = 10;
const GET_READY_S = 3;

let minutes = 60;
let learning = null; // the calibration under way: "ready", "reading"; null: none
let before = 0; // the number of the calibration before it

export function faceButton(mood, act) {
	const made = element("button", undefined, "face-choice");
	made.dataset.mood = mood;
	const face = drawn("svg", { viewBox: "0 0 120 120", class: "face", "aria-hidden": "true" });
	face.append(drawn("circle", { class: "head", cx: 60, cy: 60, r: 52 }), drawn("use", { href: `#face-${mood}` }));
	made.append(face, element("span", t(mood)));
	made.addEventListener("click", () => act(mood));
	return made;
}

async function choose(mood) {
	$("choosing").close();
	if (await command("mood", { mood, minutes })) toast(t("mood_chosen", { mood: t(mood) }));
}

async function correct(right) {
	$("correcting").close();
	if (await command("wrong_mood", right ? { right } : {})) toast(t("thanks"));
}

function showLengths() {
	for (const button of $("choosing-lengths").children) button.setAttribute("aria-pressed", String(Number(button.dataset.minutes) === minutes));
}

export function openChoosing() {
	showLengths();
	const chosen = current()?.controls.mood;
	for (const button of $("choosing-faces").children) button.setAttribute("aria-pressed", String(button.dataset.mood === chosen));
	$("choosing").showModal();
}

function openCorrecting() {
	for (const button of $("correcting-faces").children) button.hidden = button.dataset.mood === current().mood;
	$("correcting").showModal();
}

function showCalibration(text, { count = "", share = null, go = "", done = false } = {}) {
	set("calibrating-text", text);
	set("calibrating-count", count);
	show("calibrating-progress", share !== null);
	if (share !== null) $("calibrating-progress").value = share;
	show("calibrating-go", Boolean(go));
	set("calibrating-go", go);
	if (done) learning = null;
}

function openCalibrating() {
	learning = null;
	showCalibration(t("calibrate_explain", { n: CALIBRATION_S }), { go: t("calibrate_ready") });
	$("calibrating").showModal();
}

async function startCalibration() {
	learning = "ready";
	for (let left = GET_READY_S; left > 0; left -= 1) {
		showCalibration(t("calibrate_look"), { count: left });
		await new Promise((resolve) => { setTimeout(resolve, 1000); });
		if (learning !== "ready") return;
	}
	before = current().calibration?.number;
	if (!(await command("calibrate", {}))) return showCalibration(t("calibrate_failed"), { go: t("calibrate_again"), done: true });
	learning = "reading";
	return showCalibration(t("calibrate_look"), { count: CALIBRATION_S, share: 0 });
}

function followCalibration({ calibration }) {
	if (learning !== "reading" || !calibration || calibration.number === before) return;
	const { share, fault } = calibration;
	if (fault) showCalibration(`${t("calibrate_failed")} ${t("calibrate_light")}`, { go: t("calibrate_again"), done: true });
	else if (share >= 1) showCalibration(t("calibrate_done"), { share: 1, done: true });
	else showCalibration(t("calibrate_look"), { count: Math.ceil(CALIBRATION_S * (1 - share)), share });
}

function showMood(state) {
	const { watching, mood, controls } = state;
	const off = watching === "yes" ? "" : t(`${watching}_short`);
	permit($("choose"), off);
	permit($("wrong"), off || (controls.mood ? t("why_not_wrong_manual") : mood === "nobody" ? t("nobody") : ""));
	permit($("calibrate"), off);
	show("calibrate-reset", Boolean(controls.bias));
	followCalibration(state);
}

for (const length of LENGTHS) {
	const made = element("button", length < 60 ? t("minutes_long", { n: length }) : t(length === 60 ? "pause_60" : "hours_long", { n: length / 60 }), "choice");
	made.dataset.minutes = length;
	made.addEventListener("click", () => { minutes = length; showLengths(); });
	$("choosing-lengths").append(made);
}
for (const mood of EMOTIONS) {
	$("choosing-faces").append(faceButton(mood, choose));
	$("correcting-faces").append(faceButton(mood, correct));
}
on("choose", "click", openChoosing);
on("mood-back", "click", () => command("mood", { mood: null }));
on("wrong", "click", openCorrecting);
on("wrong-only", "click", () => correct(""));
on("calibrate", "click", openCalibrating);
on("calibrating-go", "click", startCalibration);
on("calibrating", "close", () => { learning = null; });
on("calibrate-reset", "click", async () => {
	if (await command("calibrate", { reset: true })) toast(t("calibrate_forgotten"));
});
follow(showMood);
