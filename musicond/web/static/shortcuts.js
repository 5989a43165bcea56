// The keyboard shortcuts, and the sheet that explains them; they can be switched off (WCAG 2.1.4).
import { $, element, keep, on, remembered, t } from "./page.js";
import { current } from "./store.js";
import { openChoosing } from "./mood.js";

const press = (id) => () => { if ($(id).offsetParent) $(id).click(); };
const pressInBar = (id) => () => { if (current()?.playback) $(id).click(); };
const KEYS = [
	["k", "key_play", pressInBar("play")],
	["n", "next_track", pressInBar("next")],
	["p", "previous_track", pressInBar("previous")],
	["o", "other_songs", () => $("others").click()],
	["c", "choose_mood", () => { if (current()?.watching === "yes") openChoosing(); }],
	["v", "privacy", press("privacy")],
	["s", "pause", press("pause")],
	["1–5", "nav", null],
	["?", "keys", () => $("keyboard").showModal()],
];

let enabled = remembered("keys") !== "off";

document.addEventListener("keydown", (event) => {
	const { key, target } = event;
	if (!enabled || event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
	if (/^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName) && target.type !== "range") return;
	const [, , act] = KEYS.find(([name]) => name === key) || [];
	if (act) act();
	else if (key >= "1" && key <= "5") $("nav").children[Number(key) - 1].click();
	else return;
	event.preventDefault();
});

for (const [key, text] of KEYS) {
	const row = element("div");
	const name = element("dt");
	name.append(element("kbd", key));
	row.append(name, element("dd", t(text)));
	$("keys-list").append(row);
}
on("keys", "click", () => $("keyboard").showModal());
$("keys-on").checked = enabled;
on("keys-on", "change", () => {
	enabled = $("keys-on").checked;
	keep("keys", enabled ? "on" : "off");
});
