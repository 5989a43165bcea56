// The moods of the last hour as a line, in the memory of this page only: a reload forgets it.
import { $, drawn, redraw, set, show, t, time } from "./page.js";
import { follow } from "./store.js";

const SPAN_MS = 3600000;
const STEP_MS = 60000;
const SHORTEST_MS = 600000;
const WIDTH = 300, HEIGHT = 40, MARGIN = 5;
// How pleasant a mood is, from -1 to 1: the valence of musicond/core/recommend/affect.py.
const VALENCE = { happy: 0.81, surprise: 0.4, neutral: 0, disgust: -0.6, angry: -0.51, fear: -0.64, sad: -0.63 };

let points = []; // { at, mood }, the oldest first

function remember({ watching, mood, controls }) {
	const known = watching === "yes" && mood in VALENCE && !controls.mood ? mood : "";
	const last = points.at(-1);
	const now = Date.now();
	points = points.filter((_, index) => now - (points[index + 1]?.at ?? now) < SPAN_MS); // each lasts until the next
	if (last?.mood === known) return;
	points.push({ at: now, mood: known });
}

// Returns how much of the last hour is drawn: what this page has seen, but some minutes at least.
const span = (now) => Math.min(SPAN_MS, Math.max(SHORTEST_MS, now - points[0].at));

function line(now) {
	const shown = span(now);
	const x = (at) => WIDTH - MARGIN - ((WIDTH - 2 * MARGIN) * Math.min(shown, now - at)) / shown;
	const y = (mood) => HEIGHT - MARGIN - ((HEIGHT - 2 * MARGIN) * (1 + VALENCE[mood])) / 2;
	const made = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", class: "trend" });
	points.forEach(({ at, mood }, index) => {
		if (!mood) return;
		const end = points[index + 1]?.at ?? now;
		made.append(drawn("line", { x1: x(at), x2: Math.max(x(end), x(at) + 2), y1: y(mood), y2: y(mood), "data-mood": mood }));
	});
	const moods = [...new Set(points.map(({ mood }) => mood).filter(Boolean))].map((mood) => t(mood));
	made.setAttribute("aria-label", t("trend_moods", { moods: moods.join(", ") }));
	return made;
}

export function showTrend(state) {
	remember(state);
	const now = Date.now();
	const some = points.filter(({ mood }) => mood).length > 1;
	show("trend", some);
	if (!some) return;
	set("trend-title", span(now) < SPAN_MS ? t("trend_since", { time: time(new Date(now - span(now))) }) : t("trend"));
	redraw($("trend-line"), [Math.floor(now / STEP_MS), points], () => [line(now)]);
}

follow(showTrend);
