// The way of a lift: its songs in the plane of valence (unpleasant to pleasant) and arousal (calm to lively).
import { $, drawn, loaded, redraw, show, t } from "./page.js";
import { follow } from "./store.js";

const SIZE = 260, MARGIN = 26;
const at = ([valence, arousal]) => [valence, -arousal].map((value) => MARGIN + ((SIZE - 2 * MARGIN) * (1 + value)) / 2);

function text(content, x, y, attributes) {
	const made = drawn("text", { x, y, ...attributes });
	made.textContent = content;
	return made;
}

function axes() {
	const [middle, end] = [SIZE / 2, SIZE - MARGIN / 3];
	return [
		drawn("path", { class: "grid", d: `M${MARGIN} ${middle}H${SIZE - MARGIN}M${middle} ${MARGIN}V${SIZE - MARGIN}` }),
		text(t("way_lively"), middle, MARGIN / 1.6, { "text-anchor": "middle" }),
		text(t("way_calm"), middle, end, { "text-anchor": "middle" }),
		text(t("way_unpleasant"), MARGIN / 3, middle - 6, {}),
		text(t("way_pleasant"), end, middle - 6, { "text-anchor": "end" }),
	];
}

function song({ wanted, found }, number, title, playing) {
	const [x, y] = at(found || wanted);
	const names = ["stop", found ? "" : "guessed", playing ? "playing" : ""].filter(Boolean).join(" ");
	const made = drawn("g", { class: names });
	const name = drawn("title", {});
	name.textContent = found ? `${number}. ${title}` : `${number}. ${title} (${t("way_unknown")})`;
	made.append(name, drawn("circle", { cx: x, cy: y, r: 10 }), text(number, x, y + 4, { "text-anchor": "middle" }));
	return made;
}

function plane({ mood, lift, tracks, why }, id) {
	const { first, last } = why;
	const label = t("way_label", { mood: t(mood), happy: t("happy"), first, last, all: lift.of });
	const made = drawn("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, role: "img", class: "plane", "aria-label": label });
	made.append(drawn("polyline", { class: "route", points: lift.route.map(at).join(" ") }), ...axes());
	for (const [index, name] of [[0, mood], [2, "happy"]]) {
		const [x, y] = at(lift.route[index]);
		made.append(drawn("circle", { cx: x, cy: y, r: 6, class: "end", "data-mood": name }));
	}
	const stops = tracks.map((track, index) => song(lift.songs[index], index + 1, track.title, track.id === id));
	made.append(...stops.sort((one, two) => one.classList.contains("playing") - two.classList.contains("playing")));
	return made;
}

function showWay({ recommendation: found, playback, watching }) {
	const some = Boolean(found?.lift) && watching === "yes";
	show("way", some);
	if (!some) return;
	const id = loaded(playback) ? playback.track.id : "";
	redraw($("way-plane"), [found.mood, found.lift, found.tracks, found.why, id], () => [plane(found, id)]);
}

follow(showWay);
