// Looking closer: Ctrl and the wheel (on a touchpad, a pinch) about the pointer, Alt and a drag to move, double-click to go back.

const CLOSER = 0.003 // of the logarithm of the scale, for each pixel of the wheel
const MOST = 40 // times closer
let told = 0

// `zoomed(place, factor)` and `moved(dx, dy)` are called in pixels of the panel; `turned(place)` at a double-click.
function onCloser(panel, { zoomed, moved, turned }) {
  const { canvas, lab } = panel
  const wheel = (event) => {
    if (!event.ctrlKey && !event.metaKey) {
      if (told++ < 2) lab.tell("Hold Ctrl and scroll to look closer", event)
      return
    }
    event.preventDefault() // else the browser enlarges the page
    zoomed(panel.at(event), Math.exp(-CLOSER * Math.max(-120, Math.min(120, event.deltaY))))
  }
  if (!lab.data.autoplay) canvas.addEventListener("wheel", wheel, { passive: false })
  panel.moved = moved
  canvas.ondblclick = (event) => {
    lab.unclick(event) // its first click is no choice
    turned(panel.at(event))
  }
}

// Part of an axis, `factor` times closer about `at`, inside [low, high].
function closer([from, to], at, factor, [low, high]) {
  const size = Math.max((high - low) / MOST, Math.min(high - low, (to - from) / factor))
  const start = at - ((at - from) / (to - from)) * size
  return shifted([start, start + size], 0, [low, high])
}

function shifted([from, to], by, [low, high]) {
  const start = Math.max(low, Math.min(high - (to - from), from + by))
  return [start, start + to - from]
}
