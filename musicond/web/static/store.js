// The state of the daemon as the page knows it, and the parts of the page that show it.
let state = null;
const viewers = [];

export const current = () => state;
export const follow = (show) => viewers.push(show);

export function update(next) {
	state = next;
	for (const show of viewers) show(next);
}
