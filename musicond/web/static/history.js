// The view History: the moods of a day by hour, or of a week or month by day, as stacked bars and as a table.
import { $, ask, day, drawn, element, fullDay, keep, noon, number, on, remembered, set, show, t, toast, weekday } from "./page.js";

const MOODS = ["happy", "surprise", "neutral", "sad", "fear", "angry", "disgust", "unsure"];
const SPANS = { hours: 24, week: 7, month: 30 }; // slots of each
const WIDTH = innerWidth < 600 ? Math.max(240, innerWidth - 70) : 640, HEIGHT = 180, LEFT = 34, TOP = 8;
const HOUR = 60; // minutes
const EVERY = WIDTH < 300 ? 14 : 7; // days from one label of a month to the next

let enabled = false;
let found = { days: {}, last_day: null };
let span = remembered("history") in SPANS ? remembered("history") : "month";

export function showHistory({ health }) {
	const now = Boolean(health.outputs && "history" in health.outputs);
	if (now === enabled && $("history-text").textContent) return;
	enabled = now;
	openHistory();
}

export async function openHistory() {
	found = (await ask("history/days", {}, { quietly: true })) || { days: {}, last_day: null };
	draw();
}

function draw() {
	const some = Object.keys(found.days).length > 0;
	const why = enabled ? t("history_none") : t("history_off");
	const shown = some ? slots() : [];
	for (const id of ["history-details", "history-delete", "history-spans"]) show(id, some);
	for (const button of $("history-spans").children) button.setAttribute("aria-pressed", String(button.dataset.span === span));
	set("history-text", some ? hint() : why);
	$("chart").replaceChildren(...(shown.length ? [chart(shown)] : []));
	$("legend").replaceChildren(...(shown.length ? MOODS.map(legendItem) : []));
	$("history-table").replaceChildren(...(some ? table(shown) : []));
}

function hint() {
	if (span !== "hours") return t("history_hint");
	return found.last_day ? t("history_hours_hint", { date: fullDay(found.last_day.day) }) : t("history_hours_none");
}

// Returns what is drawn beside each other: a label, which may be empty, a name and the minutes of each mood.
function slots() {
	if (span === "hours") {
		if (!found.last_day) return [];
		return Array.from({ length: SPANS.hours }, (_, hour) => {
			const name = `${String(hour).padStart(2, "0")}:00`;
			return { label: hour % 6 ? "" : name, name, moods: found.last_day.hours[hour] || {} };
		});
	}
	return lastDays(Object.keys(found.days).at(-1)).map((date, index) => {
		const label = span === "week" ? weekday(noon(date)) : index % EVERY === 1 ? day(noon(date)) : "";
		return { label, name: fullDay(date), moods: found.days[date] || {} };
	});
}

function lastDays(last) {
	return Array.from({ length: SPANS[span] }, (_, index) => {
		const date = new Date(`${last}T12:00Z`);
		date.setUTCDate(date.getUTCDate() - (SPANS[span] - 1 - index));
		return date.toISOString().slice(0, 10);
	});
}

const total = (moods) => Object.values(moods).reduce((sum, minutes) => sum + minutes, 0);

function chart(shown) {
	const most = HOUR * Math.max(1, Math.ceil(Math.max(...shown.map(({ moods }) => total(moods))) / HOUR));
	const wide = (WIDTH - LEFT) / shown.length;
	const title = span === "hours" ? t("history_hours_hint", { date: fullDay(found.last_day.day) }) : t("history_chart", { n: shown.length });
	const made = drawn("svg", { viewBox: `0 0 ${WIDTH} ${TOP + HEIGHT + 24}`, role: "img", "aria-label": title });
	for (const share of [0, 0.5, 1]) {
		const y = TOP + HEIGHT * (1 - share);
		made.append(drawn("line", { x1: LEFT, x2: WIDTH, y1: y, y2: y, class: "grid" }));
		made.append(label(LEFT - 6, y + 4, number(most * share), "end"));
	}
	shown.forEach((slot, index) => {
		const x = LEFT + wide * index;
		made.append(...bars(slot, most, { x: x + wide / 10, width: wide * 0.8 }));
		const last = index === shown.length - 1; // its label would be cut at the edge
		if (slot.label) made.append(label(last ? WIDTH : x + wide / 2, TOP + HEIGHT + 18, slot.label, last ? "end" : "middle"));
	});
	return made;
}

function bars({ name, moods }, most, place) {
	let y = TOP + HEIGHT;
	return MOODS.filter((mood) => moods[mood] > 0).map((mood) => {
		const height = (HEIGHT * moods[mood]) / most;
		y -= height;
		const bar = drawn("rect", { ...place, y, height, class: "part", "data-mood": mood });
		const title = drawn("title", {});
		title.textContent = `${name}, ${t(mood)}: ${t("minutes", { n: number(moods[mood]) })}`;
		bar.append(title);
		return bar;
	});
}

function label(x, y, text, anchor) {
	const made = drawn("text", { x, y, "text-anchor": anchor });
	made.textContent = text;
	return made;
}

function legendItem(mood) {
	const item = element("li", t(mood));
	item.dataset.mood = mood;
	return item;
}

function table(shown) {
	const head = element("thead");
	const body = element("tbody");
	head.append(row([t(span === "hours" ? "hour" : "day"), ...MOODS.map((mood) => t(mood)), t("sum")].map((text) => heading(text, "col"))));
	for (const { name, moods } of shown.filter((slot) => total(slot.moods) > 0).reverse()) {
		const minutes = [...MOODS.map((mood) => moods[mood] || 0), total(moods)];
		body.append(row([heading(name, "row"), ...minutes.map((each) => element("td", number(each)))]));
	}
	return [head, body];
}

function heading(text, scope) {
	const made = element("th", text);
	made.scope = scope;
	return made;
}

function row(cells) {
	const made = element("tr");
	made.append(...cells);
	return made;
}

for (const name of Object.keys(SPANS)) {
	const button = element("button", t(`history_${name}`), "choice");
	button.dataset.span = name;
	button.addEventListener("click", () => {
		span = name;
		keep("history", name);
		draw();
	});
	$("history-spans").append(button);
}
on("history-delete", "click", async () => {
	if (!confirm(t("history_sure")) || !(await ask("history/delete"))) return;
	toast(t("history_deleted"));
	await openHistory();
});
